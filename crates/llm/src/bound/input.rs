//! How many tokens the input can be at the most.

use iron_primitives::UnitPrice;

use super::pictures::Drawn;
use super::{Assumptions, BoundError};
use crate::anthropic::LONG_CONTEXT;
use crate::envelope::{Envelope, Facts, HostedTool, Media, Source};
use crate::images;
use crate::kind::Dialect;
use crate::prices::{ImageRule, Model};
use crate::tokens;
use crate::usage::ServiceTier;

/// What providers put around tools: Anthropic documents up to 804 tokens of instructions,
/// and up to 735 more for a tool of its own making (platform.claude.com, tool use, pricing).
const TOOLS_OVERHEAD: u64 = 2048;
const TOOL_OVERHEAD: u64 = 64;
/// Every message costs three tokens around its role and content, and a name one more
/// (OpenAI cookbook, how to count tokens with tiktoken); parts of a message as much.
const MESSAGE_OVERHEAD: u64 = 4;
/// Every answer is primed with three tokens.
const PRIMING: u64 = 3;

/// The bound of the input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct InputBound {
    /// Billed in all: hosted tools bill the input again with each use.
    pub(super) billed_tokens: u64,
    /// How many of the billed ones may be sound.
    pub(super) audio_tokens: u64,
    /// Searches that may be charged one by one.
    pub(super) searches: u64,
    /// Searches among documents that may be charged one by one.
    pub(super) search_units: u64,
    /// Pictures that may be charged one by one, again with each use of a hosted tool.
    pub(super) images: u64,
}

impl InputBound {
    /// Pictures are made one by one, each with the whole input.
    pub(super) fn for_each_of(self, drawn: &Drawn) -> InputBound {
        InputBound {
            billed_tokens: self.billed_tokens.saturating_mul(drawn.count),
            images: drawn.count.saturating_mul(drawn.units_each),
            ..self
        }
    }
}

/// By bytes: nothing is decoded.
pub(super) fn by_bytes(
    envelope: &Envelope,
    model: &Model,
    assumptions: &Assumptions,
) -> Result<InputBound, BoundError> {
    let facts = envelope.facts();
    let media = Media::bound(envelope, model, false)?;
    finish(
        (envelope.dialect(), facts),
        model,
        assumptions,
        facts.text_bytes.saturating_add(tools_overhead(facts)),
        media,
    )
}

/// By the tokenizer, where there is one, and by the sizes of images.
pub(super) fn by_tokens(
    envelope: &Envelope,
    model: &Model,
    assumptions: &Assumptions,
) -> Result<InputBound, BoundError> {
    let facts = envelope.facts();
    let media = Media::bound(envelope, model, true)?;
    let bytes = facts.text_bytes.saturating_add(tools_overhead(facts));
    let text = match model.encoding {
        Some(encoding) => {
            let texts: u64 = envelope
                .texts()
                .map(|text| tokens::count(encoding, &text))
                .sum();
            let declared: u64 = envelope
                .declarations()
                .map(|json| tokens::count(encoding, json))
                .sum();
            let framing = facts
                .messages
                .saturating_mul(MESSAGE_OVERHEAD)
                .saturating_add(PRIMING);
            texts
                .saturating_add(declared.saturating_mul(2))
                .saturating_add(framing)
                .saturating_add(facts.input_tokens)
                .saturating_add(tools_overhead(facts))
        }
        None => bytes,
    };
    let asked = (envelope.dialect(), facts);
    finish(asked, model, assumptions, text.min(bytes), media)
}

fn tools_overhead(facts: &Facts) -> u64 {
    match facts.tools {
        0 => 0,
        tools => TOOLS_OVERHEAD.saturating_add(tools.saturating_mul(TOOL_OVERHEAD)),
    }
}

/// How a provider reads documents that are to be ranked: in pieces, each with the query before it
/// (docs.cohere.com, rerank best practices and pricing, by excerpts, 2026-11).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Ranking {
    pieces: u64,
}

impl Ranking {
    /// So many tokens has a piece with its query.
    const PIECE: u64 = 500;
    /// So many of them the query takes at the most.
    const MOST_QUERY: u64 = Ranking::PIECE / 2;
    /// So many pieces one search covers.
    const PIECES_OF_A_SEARCH: u64 = 100;

    fn of(facts: &Facts) -> Ranking {
        let query = facts.query_bytes.min(Ranking::MOST_QUERY);
        let room = Ranking::PIECE.saturating_sub(query);
        let pieces = facts
            .document_bytes
            .iter()
            .map(|bytes| bytes.div_ceil(room).max(1));
        Ranking {
            pieces: pieces.fold(0, u64::saturating_add),
        }
    }

    const fn search_units(self) -> u64 {
        self.pieces.div_ceil(Ranking::PIECES_OF_A_SEARCH)
    }

    /// The query is read, and may be billed, again with each piece.
    const fn repeated_tokens(self, facts: &Facts) -> u64 {
        facts.query_bytes.saturating_mul(self.pieces)
    }
}

/// What models of Replicate get beside what they are sent: a template, and instructions of their own
/// (the longest that is documented has 130 tokens).
const TEMPLATE_OVERHEAD: u64 = 512;

/// Tokens of media, or as much as fits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct MediaBound {
    tokens: u64,
    fills_the_context: bool,
    audio: bool,
    images: u64,
}

fn finish(
    (dialect, facts): (Dialect, &Facts),
    model: &Model,
    assumptions: &Assumptions,
    text_tokens: u64,
    media: MediaBound,
) -> Result<InputBound, BoundError> {
    if facts.documents_beyond_text && !model.price.is_free() {
        return Err(BoundError::Modality {
            what: "a document that is more than a text",
            model: facts.model.clone(),
        });
    }
    let text_tokens = match dialect {
        Dialect::Replicate => text_tokens.saturating_add(TEMPLATE_OVERHEAD),
        _ => text_tokens,
    };
    let ranking = Ranking::of(facts);
    let text_tokens = text_tokens.saturating_add(ranking.repeated_tokens(facts));
    let contexts = match dialect {
        Dialect::Rerank => ranking.pieces.max(1),
        dialect if dialect.takes_several_inputs() => facts.messages.max(1),
        _ => 1,
    };
    let seen = text_tokens.saturating_add(media.tokens);
    let stored = match (facts.outside_input, assumptions.stored_input_tokens) {
        (None, _) => Some(0),
        (Some(_), known) => known,
    };
    let rounds = rounds(facts, model, assumptions)?;
    let in_full = match stored {
        Some(stored) if !media.fills_the_context && rounds.is_none() => {
            Some(seen.saturating_add(stored))
        }
        _ => None,
    };
    // Texts that are sent together to be embedded, or completed, have a context each; of documents
    // that are ranked each piece has.
    let context = opened(facts, model).map(|context| context.saturating_mul(contexts));
    let tokens = match (in_full, context) {
        (Some(tokens), Some(context)) => tokens.min(context),
        (Some(tokens), None) => tokens,
        (None, Some(context)) => context,
        (None, None) if model.price.is_free() => seen,
        (None, None) => {
            let what = if media.audio {
                "sound of unknown length"
            } else if media.fills_the_context {
                "a file of unknown length"
            } else {
                "input that is not in the request"
            };
            return Err(BoundError::Modality {
                what,
                model: facts.model.clone(),
            });
        }
    };
    if let Some(beta) = facts.betas.long_context()
        && model.price.long_context_above.is_none()
        && model.context.is_some_and(|context| tokens > context)
        && !model.price.is_free()
    {
        return Err(BoundError::beta(beta, facts));
    }
    if facts.outside_input.is_some() && model.price.image != UnitPrice::FREE {
        return Err(BoundError::Modality {
            what: "pictures that are not in the request",
            model: facts.model.clone(),
        });
    }
    let rounds = rounds.unwrap_or_default();
    let times = rounds.uses.saturating_add(1);
    let billed_tokens = tokens.saturating_mul(times);
    Ok(InputBound {
        billed_tokens,
        audio_tokens: if media.audio { billed_tokens } else { 0 },
        searches: rounds.searches,
        search_units: ranking.search_units(),
        images: media.images.saturating_mul(times),
    })
}

/// The context of the model, which a beta may open further.
fn opened(facts: &Facts, model: &Model) -> Option<u64> {
    let longer = facts.betas.long_context().map_or(0, |_| LONG_CONTEXT);
    model.context.map(|context| context.max(longer))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Rounds {
    uses: u64,
    searches: u64,
}

/// How often tools at the provider may be used; none if there are none.
fn rounds(
    facts: &Facts,
    model: &Model,
    assumptions: &Assumptions,
) -> Result<Option<Rounds>, BoundError> {
    // A server of one's own charges no fees; its tools are its own affair.
    if model.price.is_free() {
        return Ok(None);
    }
    let mut rounds = Rounds::default();
    for tool in &facts.hosted_tools {
        let limit = match (tool.max_uses, facts.hosted_uses) {
            (Some(one), Some(all)) => Some(one.min(all)),
            (one, all) => one.or(all).or(assumptions.hosted_uses),
        };
        let uses =
            limit
                .filter(|_| has_known_fees(tool))
                .ok_or_else(|| BoundError::HostedTool {
                    tool: tool.name.clone(),
                })?;
        rounds.uses = rounds.uses.saturating_add(uses);
        if tool.name.starts_with("web_search") {
            rounds.searches = rounds.searches.saturating_add(uses);
        }
    }
    Ok(Some(rounds).filter(|_| !facts.hosted_tools.is_empty()))
}

/// Searches have a price each, fetches and tool searches none; code, files, images and
/// foreign servers are charged in ways that no limit of uses bounds.
fn has_known_fees(tool: &HostedTool) -> bool {
    ["web_search", "web_fetch", "tool_search"]
        .iter()
        .any(|known| tool.name.starts_with(known))
}

impl Media {
    fn bound(envelope: &Envelope, model: &Model, by_size: bool) -> Result<MediaBound, BoundError> {
        let refuse = |what| BoundError::Modality {
            what,
            model: envelope.facts().model.clone(),
        };
        let free = model.price.is_free();
        let rates = model.price.rates(ServiceTier::Standard, 0);
        let has_free_input = [rates.input, rates.of_input_audio()] == [UnitPrice::FREE; 2];
        let is_drawn = envelope.facts().pictures.is_some();
        let mut bound = MediaBound::default();
        for medium in &envelope.facts().media {
            match medium {
                // Paid by the picture that is made, and not by what it is made of.
                Media::Image { .. } if is_drawn && rates.is_nothing() => {}
                Media::Image { detail, source } => match model.images {
                    Some(rule) => {
                        bound.images = bound.images.saturating_add(1);
                        let by_size = by_size || matches!(rule, ImageRule::Crops { .. });
                        let size = match source {
                            Source::Inline(range) if by_size => {
                                images::size(envelope.body().get(range.clone()))
                            }
                            _ => None,
                        };
                        match images::tokens(rule, *detail, size) {
                            Some(tokens) => bound.tokens = bound.tokens.saturating_add(tokens),
                            None => bound.fills_the_context = true,
                        }
                    }
                    None if free => bound.fills_the_context = true,
                    None => return Err(refuse("an image")),
                },
                Media::File(_) if model.abilities.files || free => bound.fills_the_context = true,
                // It is paid by the second alone, and its words are no input.
                Media::Audio(_) if model.price.second != UnitPrice::FREE && has_free_input => {}
                Media::Audio(_) if model.abilities.audio_input || free => {
                    bound.fills_the_context = true;
                    bound.audio = true;
                }
                Media::File(_) => return Err(refuse("a file")),
                Media::Audio(_) => return Err(refuse("sound")),
                Media::Video(_) if free => bound.fills_the_context = true,
                Media::Video(_) => return Err(refuse("a video")),
            }
        }
        Ok(bound)
    }
}
