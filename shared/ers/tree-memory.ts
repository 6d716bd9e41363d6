// Records of one batch share the upper nodes of their hash tree (RFC 4998 §4.2): neighbours all but the
// lowest. What was read and hashed for one record is taken again for the next. A memory changes how soon an
// answer is there, never the answer: it is asked by the octets themselves, in full.
import { equalBytes } from '#shared/bytes.ts';
import type { DigestAlgorithm } from '#shared/crypto/digest.ts';
import type { PartialHashtree, TreeParser } from '#shared/ers/evidence-record.ts';
import { hashMembers, type NodeHasher } from '#shared/ers/reduce.ts';

/** The largest batch needs a tenth of it; what is larger is read, and not kept. */
const maxTreeOctets = 16 * 1024;

/** Archive timestamps of one record whose trees are kept: a chain of renewals. */
const maxTrees = 64;

/** Nodes that are kept; then all are forgotten, which costs a path to the root once in hundreds of records. */
const maxNodes = 1024;

/** A tree as it was read: octets of our own, where each list starts in them, and views of them. */
type KnownTree = {
  readonly octets: Uint8Array;
  readonly starts: readonly number[];
  readonly lists: readonly PartialHashtree[];
};

/**
 * Reads lists up to the first from which on all octets are those of the record before; from there on the
 * lists are that record's, the very same objects.
 */
export function rememberTrees(): TreeParser {
  const known: (KnownTree | undefined)[] = [];
  return (tree, ordinal, readList) => {
    if (tree.length > maxTreeOctets || ordinal >= maxTrees) return undefined;
    const last = known[ordinal];
    // A copy: the record that brought it may be gone when the next one comes.
    const octets = new Uint8Array(tree);
    const starts: number[] = [];
    const lists: PartialHashtree[] = [];
    const alike = last ? alikeFrom(octets, last.octets) : octets.length;
    for (let start = 0; start < octets.length;) {
      if (last && start >= alike && last.starts[lists.length] === start) {
        starts.push(...last.starts.slice(lists.length));
        lists.push(...last.lists.slice(lists.length));
        break;
      }
      const { list, end } = readList(octets, start);
      starts.push(start);
      lists.push(list);
      start = end;
    }
    known[ordinal] = { octets, starts, lists };
    return lists;
  };
}

/** From where on to their end both hold the same octets; the end itself where one is longer. */
function alikeFrom(octets: Uint8Array, known: Uint8Array): number {
  let start = octets.length;
  if (known.length !== start) return start;
  while (start > 0 && octets[start - 1] === known[start - 1]) start--;
  return start;
}

/**
 * Keeps with each list the node last hashed over it. Lists are told apart by identity: for use with
 * `rememberTrees`, which gives equal ones as one.
 */
export function rememberNodes(hashNode: NodeHasher = hashMembers): NodeHasher {
  type KnownNode = {
    readonly algorithm: DigestAlgorithm;
    readonly below: Uint8Array;
    readonly node: Uint8Array;
  };
  const known = new Map<PartialHashtree, KnownNode>();
  return (algorithm, list, below) => {
    if (!below) return hashNode(algorithm, list, below);
    const last = known.get(list);
    if (last?.algorithm === algorithm && (last.below === below || equalBytes(last.below, below)))
      return last.node;
    const node = hashNode(algorithm, list, below);
    if (known.size >= maxNodes) known.clear();
    known.set(list, { algorithm, below, node });
    return node;
  };
}
