/**
 * Things of which strangers can make many: connections without a request, bodies that do not come, answers that nobody reads.
 * At most `most` are kept; with one more the oldest is given up.
 */
export function crowd<Member extends object>(most: number, giveUp: (oldest: Member) => void): Crowd<Member> {
  const members = new Set<Member>();
  return {
    add: (member) => {
      // To the end: the first of a set is the oldest.
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
  /** As the newest, also when it is a member already. */
  add: (member: Member) => void;
  remove: (member: Member) => void;
};
