/** What the client inside the closed network knows: everything but the ticket keys. */
export type Facts = {
  readonly login: string;
  readonly data: string;
  /** Somebody else's storage account. */
  readonly attacker: { readonly host: string; readonly address: string };
  /** Hosts and addresses behind Berth, which no rule names. */
  readonly behind: readonly { readonly name: string; readonly address: string }[];
  readonly repository: string;
  readonly digest: string;
  /** Of a user who may push and delete, got through Berth. */
  readonly authorization: string;
  /** Path and query of a link that the data endpoint honours. */
  readonly ticket: string;
  /** A link at the attacker's account that anybody may write to: path and query. */
  readonly drop: string;
  readonly loot: string;
};
