/**
 * Things that strangers can make many of: connections without a request, bodies that do not come, answers that nobody reads.
 * At most `most` are kept; when one more comes, the oldest is given up.
 */
export function crowd<Member extends object>(most: number, giveUp: (oldest: Member) => void): Crowd<Member> {
  const members = new Set<Member>();
  return {
    add: (member) => {
      // Moves it to the end: the first of a set is the oldest.
      members.delete(member);
      members.add(member);
      if (members.size <= most) return;
      const [oldest = member] = members;
      members.delete(oldest);
      giveUp(oldest);
    },
    remove: (member) => void members.delete(member),
  };
}

export type Crowd<Member> = {
  /** Adds it as the newest, also when it is a member already. */
  add: (member: Member) => void;
  remove: (member: Member) => void;
};
