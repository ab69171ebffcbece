import { createCredentialsKey } from './credentials-key.ts';
import type { Subject } from './question.ts';
import type { SharedScope } from './shared-decisions.ts';

/** For whom something is decided: one caller, or everybody. */
export type Audience = 'caller' | 'public';

/** The names that a subject's decisions are kept by. No credentials are in it that could be read. */
export type SubjectName = {
  /** Of the decision on this caller. */
  readonly own: string;
  /** Of the decision on everybody; undefined: nobody asks for everybody. */
  readonly open: string | undefined;
  /** Of everything about the repository. */
  readonly of: string;
  readonly repository: string;
  readonly shared: SharedScope | undefined;
};

export type DecisionNames = {
  subject(subject: Subject, isProbed: boolean): SubjectName;
  /** `SubjectName.of`: no two pairs have the same, as there is no space in the name of a repository. */
  of(registry: string, repository: string): string;
  /** Of everything that is known of one audience about the subject's repository. */
  audience(subject: Subject, audience: Audience): string;
};

/** Names for the decisions of one process: credentials are in them as an HMAC under a key of their own. */
export function createDecisionNames(): DecisionNames {
  const credentialsKey = createCredentialsKey();
  const nobody = credentialsKey(undefined);
  const of = (registry: string, repository: string) => `${repository} ${registry}`;
  return {
    of,
    subject(subject, isProbed) {
      const { registry, repository, authorization, shared } = subject;
      return {
        own: decisionOf(subject, credentialsKey(authorization), 'caller'),
        open: isProbed ? decisionOf(subject, nobody, 'public') : undefined,
        of: of(registry, repository),
        repository,
        shared,
      };
    },
    audience({ registry, repository, authorization }, audience) {
      const credentials = audience === 'caller' ? credentialsKey(authorization) : nobody;
      return JSON.stringify([registry, repository, audience, credentials]);
    },
  };
}

function decisionOf(asked: Subject, credentials: string, audience: Audience): string {
  // No spaces, as in `of`; nor is there a space in what is base64url. JSON takes six times as long, for every request.
  const { registry, repository, subject } = asked;
  return `${audience} ${credentials} ${repository} ${subject.length} ${subject} ${registry}`;
}
