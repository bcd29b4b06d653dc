/** The calls by which a broker redeems the tickets that another one issued. */
import type { PeerHandlers, PeerMessage, Peers } from '#replication';
import type { Caller, TicketOffice, TicketPeers } from '#security';

const METHOD = 'redeem-ticket';
/** Time for the answer, ms: the issuer looks into its memory. A client waits for it. */
const TIMEOUT_MS = 3000;

export function ticketPeers(peers: Peers): TicketPeers {
  return {
    redeem: async (id, ticket) => {
      const answer = await peers.call(id, METHOD, jsonMessage({ ticket }), {
        timeoutMs: TIMEOUT_MS,
      });
      return (answer.body as { readonly caller: Caller | null }).caller ?? undefined;
    },
  };
}

/** @param tickets the tickets of this broker; undefined while authentication is off */
export function ticketHandlers(tickets: Pick<TicketOffice, 'redeemOwn'> | undefined): PeerHandlers {
  if (tickets === undefined) return {};
  return {
    [METHOD]: ({ body }) => {
      const { ticket } = body as { readonly ticket: string };
      return Promise.resolve(jsonMessage({ caller: tickets.redeemOwn(ticket) ?? null }));
    },
  };
}

function jsonMessage(body: unknown): PeerMessage {
  return { body, blobs: [] };
}
