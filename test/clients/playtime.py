# Usage: ADDRESS=http://… SECRET=… python3 playtime.py <steamId>      Python 3.8 or later, nothing to install.
import hashlib
import hmac
import json
import os
import sys
import urllib.error
import urllib.request

ADDRESS = os.environ.get("ADDRESS", "http://127.0.0.1:8000/get-playtime/my-plugin/")
SECRET = os.environ.get("SECRET", "")
SQUAD = 393380


def ask_playtimes(steam_ids, is_need_update=False):
    # Exactly the bytes that are sent must be signed, so they are made once.
    body = json.dumps({"steam_ids": steam_ids, "game_id": SQUAD, "is_need_update": is_need_update}).encode()
    signature = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
    headers = {"Content-Type": "application/json", "X-SIGNATURE": signature}
    request = urllib.request.Request(ADDRESS, data=body, headers=headers, method="POST")
    # The service answers within 10 seconds whatever Steam does; a network that hangs must not hang a bot.
    with urllib.request.urlopen(request, timeout=15) as response:
        return json.load(response)


def reason_of(error):
    try:
        return f"{error.code}: {json.load(error)['detail']}"
    except Exception:
        return str(error)  # No answer, or not one of Playtime-Service.


if __name__ == "__main__":
    if len(sys.argv) < 2:
        print("Usage: ADDRESS=http://… SECRET=… python3 playtime.py <steamId>", file=sys.stderr)
        sys.exit(2)
    try:
        players = ask_playtimes([sys.argv[1]])
    except Exception as error:
        sys.exit(reason_of(error))
    # In seconds, or None when nobody knows.
    print(players[0]["steam_id"], players[0]["steam_playtime"], players[0]["bm_playtime"])
