//! Files before the guardrails of the agent: as documents on their way to a provider, as output on
//! their way back.

use bytes::Bytes;
use http::HeaderValue;
use iron_guard::{Channel, Guard};
use iron_llm::FileForm;
use iron_llm::texts::{self, Medium, Unread};
use iron_primitives::Refusal;

use crate::call::draft::Draft;
use crate::call::safety::Safety;
use crate::call::screen;
use crate::call::upload::{Beginning, Upload};

/// The most bytes of a file that are judged; what is longer counts as what cannot be read.
pub(super) const JUDGED_BYTES: usize = 8 * 1024 * 1024;

/// A form with a file, as it may be sent, with its content type.
///
/// # Errors
/// [`Refusal::ContentBlocked`], [`Refusal::Malformed`], or why the form did not come to its end.
pub(super) async fn upload(
    draft: &mut Draft,
    kind: HeaderValue,
    upload: Upload,
) -> Result<(HeaderValue, Upload), Refusal> {
    let guard = draft.bearer.guard.clone();
    if guard.is_idle() {
        return Ok((kind, upload));
    }
    let (limit_bytes, patience) = upload.limits();
    let whole = match upload.beginning(JUDGED_BYTES).await? {
        Beginning::Whole(whole) => whole,
        Beginning::Part(upload) => return too_long(draft, Channel::Document, (kind, upload)),
    };
    let form = FileForm::read(kind.to_str().unwrap_or_default(), whole)?;
    let judge = move |safety: &mut Safety| judged_form(&guard, form, safety);
    let (kind, body) = apart(draft, judge).await?;
    let kind = HeaderValue::try_from(kind).map_err(|_| unread_form())?;
    let body = http_body_util::Full::new(body);
    Ok((
        kind,
        Upload::new(body, limit_bytes.saturating_mul(2), patience),
    ))
}

/// The content of a file that was read at a provider, as its agent gets it.
///
/// # Errors
/// [`Refusal::ContentBlocked`].
pub(super) async fn content(draft: &mut Draft, content: Bytes) -> Result<Bytes, Refusal> {
    let guard = draft.bearer.guard.clone();
    let way = texts::Channel::Output;
    let judge = move |safety: &mut Safety| screen::file(&guard, way, content, safety);
    apart(draft, judge).await
}

/// What is too long to be judged, if it may pass.
///
/// # Errors
/// [`Refusal::ContentBlocked`].
pub(super) fn too_long<T>(draft: &mut Draft, channel: Channel, passes: T) -> Result<T, Refusal> {
    let guard = draft.bearer.guard.clone();
    let file = Unread {
        what: Medium::File,
        place: 0..JUDGED_BYTES,
    };
    match draft.safety.unread(&guard, channel, &[file]) {
        Some(refusal) => Err(refusal),
        None => Ok(passes),
    }
}

fn judged_form(
    guard: &Guard,
    form: FileForm,
    safety: &mut Safety,
) -> Result<(String, Bytes), Refusal> {
    let mut contents = Vec::new();
    for (name, content) in form.parts() {
        if let Some(name) = name {
            screen::file_name(guard, name, safety)?;
        }
        let way = texts::Channel::Document;
        contents.push(screen::file(guard, way, content, safety)?);
    }
    Ok((form.content_type(), form.with_contents(&contents)))
}

/// Judges what may be long on a thread on which nobody waits.
async fn apart<T: Send + 'static>(
    draft: &mut Draft,
    judge: impl FnOnce(&mut Safety) -> Result<T, Refusal> + Send + 'static,
) -> Result<T, Refusal> {
    let mut safety = std::mem::take(&mut draft.safety);
    let work = tokio::task::spawn_blocking(move || (judge(&mut safety), safety));
    let (judged, safety) = work.await.map_err(|_| unread_form())?;
    draft.safety = safety;
    judged
}

fn unread_form() -> Refusal {
    Refusal::Malformed {
        detail: "the file could not be read for guardrails".to_owned(),
    }
}
