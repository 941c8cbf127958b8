//! A stream on its way through: metered in the provider's dialect, said in the caller's.

use std::sync::Arc;

use bytes::Bytes;
use iron_llm::Dialect;
use iron_llm::meter::{FeedError, Meter, MeterOptions, Reading};
use iron_llm::sse::FrameTooLarge;
use iron_llm::translate::{Ending, ProviderError, StreamTranslator, error_event};
use iron_primitives::{ProviderId, Refusal};
use tokio::time::Instant;

use crate::affinity::{Stored, StoredId, rename};
use crate::bearer::Bearer;
use crate::record::ProposalRecord;
use crate::room::Share;

use super::proposals::Gate;
use super::safety::Safety;
use super::sieve::Sieve;

/// Whose response is being made, and where: its id is sealed on the way to the caller.
pub(super) struct Owner {
    pub(super) bearer: Arc<Bearer>,
    pub(super) provider: ProviderId,
    /// The response that is continued, as the agent and as the provider knows it.
    pub(super) previous: Vec<(String, String)>,
}

impl Owner {
    /// Puts the agent's ids in the place of the provider's.
    pub(super) fn seal(&self, bytes: Bytes, id: Option<&str>) -> Bytes {
        let previous = self.previous.iter();
        let bytes = previous.fold(bytes, |bytes, (theirs, original)| {
            rename(bytes, original, theirs)
        });
        let Some(original) = id else { return bytes };
        let stored = StoredId {
            what: Stored::Response,
            provider: self.provider,
            original: original.to_owned(),
        };
        match stored.seal(&self.bearer) {
            Some(sealed) => rename(bytes, original, &sealed),
            None => bytes,
        }
    }
}

fn joined(first: Bytes, second: Bytes) -> Bytes {
    match (first.is_empty(), second.is_empty()) {
        (true, _) => second,
        (_, true) => first,
        _ => [first, second].concat().into(),
    }
}

/// Watches a stream, and translates it where the caller speaks another dialect.
pub(super) struct Flow {
    meter: Meter,
    translator: Option<Box<dyn StreamTranslator>>,
    caller: Dialect,
    owner: Option<Owner>,
    sieve: Option<Sieve>,
    gate: Option<Gate>,
    cut: bool,
    share: Share,
}

impl Flow {
    /// A flow to a caller of this dialect. Without a translator the provider speaks it, too.
    pub(super) fn new(
        provider: Dialect,
        options: MeterOptions,
        caller: Dialect,
        translator: Option<Box<dyn StreamTranslator>>,
        share: Share,
    ) -> Self {
        Flow {
            meter: Meter::new(provider, options),
            translator,
            caller,
            owner: None,
            sieve: None,
            gate: None,
            cut: false,
            share,
        }
    }

    /// Seals the id of the response for its owner.
    pub(super) fn with_owner(self, owner: Option<Owner>) -> Self {
        Flow { owner, ..self }
    }

    /// Lets nothing pass but what these guardrails do.
    pub(super) fn through(self, sieve: Option<Sieve>) -> Self {
        Flow { sieve, ..self }
    }

    /// Lets calls of tools pass as this gate does.
    pub(super) fn behind(self, gate: Option<Gate>) -> Self {
        Flow { gate, ..self }
    }

    /// Takes a chunk from the provider, gives what the caller gets for it.
    ///
    /// # Errors
    /// [`FeedError`] for a frame that is too large, or for which there is no room beside the
    /// others, and for a message that was damaged.
    pub(super) fn feed(&mut self, chunk: &[u8]) -> Result<Bytes, FeedError> {
        let fed = self.meter.feed(chunk)?;
        // A buffer that grows may be twice as large as what it holds.
        let held = self.sieve.as_ref().map_or(0, Sieve::held_bytes);
        let gated = self.gate.as_ref().map_or(0, Gate::held_bytes);
        let held = held.saturating_add(gated);
        let pending = self.meter.pending_bytes().saturating_add(held);
        if !self.share.follows(pending.saturating_mul(2)) {
            let limit_bytes = pending;
            return Err(FrameTooLarge { limit_bytes }.into());
        }
        self.cut |= fed.cut;
        let piece = match &mut self.translator {
            None => match &self.owner {
                Some(owner) => owner.seal(fed.forward, self.meter.reading().id.as_deref()),
                None => fed.forward,
            },
            Some(translator) => {
                let mut out = Vec::new();
                translator.feed(&fed.forward, &mut out);
                out.into()
            }
        };
        let piece = match &mut self.sieve {
            None => piece,
            Some(sieve) if self.cut => joined(sieve.feed(&piece)?, sieve.finish()),
            Some(sieve) => sieve.feed(&piece)?,
        };
        let piece = match &mut self.gate {
            None => piece,
            Some(gate) if self.cut => joined(gate.feed(piece)?, gate.finish()),
            Some(gate) => gate.feed(piece)?,
        };
        self.kept(piece)
    }

    /// When guardrails let go what they hold back.
    pub(super) fn patience(&mut self, now: Instant) -> Option<Instant> {
        self.sieve.as_mut()?.patience(now)
    }

    /// What guardrails held back, as far as they let it go.
    ///
    /// # Errors
    /// [`FeedError`] where there is no room for it beside the others.
    pub(super) fn settle(&mut self, now: Instant) -> Result<Bytes, FeedError> {
        let piece = self.sieve.as_mut().map(|sieve| sieve.settle(now));
        let piece = piece.unwrap_or_default();
        let piece = match &mut self.gate {
            None => piece,
            Some(gate) => gate.feed(piece)?,
        };
        self.kept(piece)
    }

    /// A piece is in memory until the caller has taken it.
    fn kept(&mut self, piece: Bytes) -> Result<Bytes, FeedError> {
        let limit_bytes = piece.len();
        let kept = self.share.apart(piece);
        kept.ok_or(FrameTooLarge { limit_bytes }.into())
    }

    /// Takes note that the provider's body has ended.
    pub(super) const fn body_ended(&mut self) {
        self.meter.body_ended();
    }

    /// Takes the regular end of the provider's body.
    pub(super) fn finish(&mut self) -> Bytes {
        let rest = self.meter.finish();
        let rest = match &mut self.translator {
            None => rest,
            Some(translator) => {
                let mut out = Vec::new();
                translator.feed(&rest, &mut out);
                translator.finish(Ending::Closed, &mut out);
                out.into()
            }
        };
        let rest = match &mut self.sieve {
            None => rest,
            // What is too large to be an event is none that a caller could read.
            Some(sieve) => joined(sieve.feed(&rest).unwrap_or_default(), sieve.finish()),
        };
        match &mut self.gate {
            None => rest,
            Some(gate) => joined(gate.feed(rest).unwrap_or_default(), gate.finish()),
        }
    }

    /// Ends the caller's stream with an error, if it has not ended. What was held back comes before
    /// it, as the end of the text; a call of a tool that is not over is none, and does not.
    pub(super) fn fail(&mut self, error: ProviderError) -> Bytes {
        if self.cut {
            return Bytes::new();
        }
        // What was refused may be the end that a translator has written.
        let is_open = self.blocked().is_some();
        let error = match &mut self.translator {
            None => error_event(self.caller, &error).into(),
            Some(translator) if is_open && translator.ended() => {
                error_event(self.caller, &error).into()
            }
            Some(translator) => {
                let mut out = Vec::new();
                translator.finish(Ending::Broken(error), &mut out);
                out.into()
            }
        };
        let rest = match &mut self.sieve {
            None => Bytes::new(),
            Some(sieve) => sieve.finish(),
        };
        let rest = match &mut self.gate {
            None => rest,
            Some(gate) => gate.feed(rest).unwrap_or_default(),
        };
        joined(rest, error)
    }

    /// Why guardrails, or the gate of tools, let nothing more pass.
    pub(super) fn blocked(&self) -> Option<&Refusal> {
        let blocked = self.sieve.as_ref().and_then(Sieve::blocked);
        blocked.or_else(|| self.gate.as_ref().and_then(Gate::refusal))
    }

    /// What was found about calls of tools.
    pub(super) fn take_proposals(&mut self) -> Vec<ProposalRecord> {
        self.gate.take().map(Gate::into_found).unwrap_or_default()
    }

    /// What guardrails found.
    pub(super) fn take_safety(&mut self) -> Option<Safety> {
        self.sieve.take().map(Sieve::into_safety)
    }

    /// What is known so far.
    pub(super) const fn reading(&self) -> &Reading {
        self.meter.reading()
    }

    /// Whether the caller's stream was ended because the provider exceeded the bound.
    pub(super) const fn was_cut(&self) -> bool {
        self.cut
    }

    /// Whether it is known how the answer begins: with an answer, or with an error.
    pub(super) fn has_opened(&self) -> bool {
        let reading = self.reading();
        reading.started || reading.fault.is_some()
    }
}
