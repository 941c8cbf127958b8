//! A request as a form (`multipart/form-data`), read and written anew.
//!
//! Two readers of such a form may part it at different places. So what is sent on is not what came,
//! but what was understood: each part once, in the same order, between borders of our own.

use std::ops::Range;

use aws_lc_rs::digest::{SHA256, digest};
use bytes::{BufMut as _, Bytes, BytesMut};

use super::RequestError;

/// The most parts of a form.
const MOST_PARTS: usize = 64;
/// The longest head of a part.
const MOST_HEAD_BYTES: usize = 4_096;

/// A form, read.
#[derive(Debug, Clone, Default)]
pub(super) struct Form {
    pub(super) parts: Vec<Part>,
    border: String,
}

/// A field or a file of a form.
#[derive(Debug, Clone)]
pub(super) struct Part {
    pub(super) name: String,
    pub(super) file: Option<String>,
    kind: Option<String>,
    /// Where its content stands.
    pub(super) content: Range<usize>,
}

impl Part {
    /// Whether it is a file.
    pub(super) const fn is_file(&self) -> bool {
        self.file.is_some()
    }
}

impl Form {
    /// Reads a form whose border the content type names.
    pub(super) fn read(content_type: &str, body: &[u8]) -> Result<Form, RequestError> {
        let border = border_of(content_type).ok_or(RequestError::NotAForm {
            problem: "send `multipart/form-data` with its boundary",
        })?;
        let (first, next) = (format!("--{border}\r\n"), format!("\r\n--{border}"));
        if !body.starts_with(first.as_bytes()) {
            return Err(broken("it does not begin with its boundary"));
        }
        let mut form = Form {
            parts: Vec::new(),
            border: String::new(),
        };
        let mut at = first.len();
        loop {
            let rest = body.get(at..).unwrap_or_default();
            let length = find(rest, next.as_bytes()).ok_or(broken("a part has no end"))?;
            form.parts.push(part(body, at..at.saturating_add(length))?);
            if form.parts.len() > MOST_PARTS {
                return Err(broken("it has more than 64 parts"));
            }
            at = at.saturating_add(length).saturating_add(next.len());
            match body.get(at..at.saturating_add(2)) {
                Some(b"\r\n") => at = at.saturating_add(2),
                Some(b"--") => break,
                _ => return Err(broken("a boundary has no end")),
            }
        }
        form.check_names()?;
        form.border = own_border(body)?;
        Ok(form)
    }

    /// The part of a name.
    pub(super) fn part(&self, name: &str) -> Option<&Part> {
        self.parts.iter().find(|part| part.name == name)
    }

    /// The text of a field, if there is such a one.
    pub(super) fn text(
        &self,
        body: &[u8],
        name: &'static str,
    ) -> Result<Option<String>, RequestError> {
        let Some(part) = self.part(name) else {
            return Ok(None);
        };
        let content = body.get(part.content.clone()).unwrap_or_default();
        match std::str::from_utf8(content) {
            Ok(text) if !part.is_file() => Ok(Some(text.to_owned())),
            _ => Err(broken("a field is no text")),
        }
    }

    /// The type of what [`Form::write`] gives.
    pub(super) fn content_type(&self) -> String {
        format!("multipart/form-data; boundary={}", self.border)
    }

    /// The form with another name of the model.
    pub(super) fn write(&self, body: &[u8], model: Option<&str>) -> Bytes {
        let model = model.map(str::as_bytes);
        self.write_with(body, |_, part| model.filter(|_| part.name == "model"))
    }

    /// The form with other contents of some parts.
    pub(super) fn write_with<'a>(
        &self,
        body: &[u8],
        other: impl Fn(usize, &Part) -> Option<&'a [u8]>,
    ) -> Bytes {
        let mut out = BytesMut::with_capacity(body.len().saturating_add(256));
        for (number, part) in self.parts.iter().enumerate() {
            let Part {
                name, file, kind, ..
            } = part;
            let file = file.as_deref().map(|file| format!("; filename=\"{file}\""));
            let kind = kind
                .as_deref()
                .map(|kind| format!("content-type: {kind}\r\n"));
            let (file, kind) = (file.unwrap_or_default(), kind.unwrap_or_default());
            let head = format!(
                "--{}\r\ncontent-disposition: form-data; name=\"{name}\"{file}\r\n{kind}\r\n",
                self.border
            );
            out.put_slice(head.as_bytes());
            let own = || body.get(part.content.clone()).unwrap_or_default();
            out.put_slice(other(number, part).unwrap_or_else(own));
            out.put_slice(b"\r\n");
        }
        out.put_slice(format!("--{}--\r\n", self.border).as_bytes());
        out.freeze()
    }

    /// A name stands once, but for lists.
    fn check_names(&self) -> Result<(), RequestError> {
        let mut seen = std::collections::HashSet::new();
        for part in &self.parts {
            if !seen.insert(part.name.as_str()) && !part.name.ends_with("[]") {
                let field = part.name.clone();
                return Err(RequestError::Duplicate { field });
            }
        }
        Ok(())
    }
}

pub(super) const fn broken(problem: &'static str) -> RequestError {
    RequestError::NotAForm { problem }
}

fn border_of(content_type: &str) -> Option<&str> {
    let (kind, parameters) = content_type.split_once(';')?;
    if !kind.trim().eq_ignore_ascii_case("multipart/form-data") {
        return None;
    }
    let border = parameters.trim().strip_prefix("boundary=")?;
    let border = border
        .strip_prefix('"')
        .and_then(|border| border.strip_suffix('"'))
        .unwrap_or(border);
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.=+'()/:?,".contains(&byte);
    ((1..=70).contains(&border.len()) && border.bytes().all(plain)).then_some(border)
}

/// A border that stands nowhere in a body: made of its hash, which nobody can write into it.
fn own_border(body: &[u8]) -> Result<String, RequestError> {
    let hash = hex::encode(digest(&SHA256, body));
    // A border has 70 characters at the most (RFC 2046).
    let border = format!("ironcage-{}", hash.get(..40).unwrap_or_default());
    match find(body, border.as_bytes()) {
        None => Ok(border),
        Some(_) => Err(broken("it holds a boundary of ours")),
    }
}

fn find(text: &[u8], word: &[u8]) -> Option<usize> {
    memchr::memmem::find(text, word)
}

fn part(body: &[u8], range: Range<usize>) -> Result<Part, RequestError> {
    let whole = body.get(range.clone()).unwrap_or_default();
    let head = find(whole, b"\r\n\r\n").ok_or(broken("a part has no head"))?;
    let text = whole
        .get(..head)
        .and_then(|head| std::str::from_utf8(head).ok());
    let text = text.ok_or(broken("the head of a part is not UTF-8"))?;
    if text.len() > MOST_HEAD_BYTES {
        return Err(broken("the head of a part has more than 4096 bytes"));
    }
    let start = range.start.saturating_add(head).saturating_add(4);
    let mut part = Part {
        name: String::new(),
        file: None,
        kind: None,
        content: start..range.end,
    };
    for line in text.split("\r\n") {
        // A line that ends otherwise would be two to other readers.
        if line.bytes().any(|byte| byte.is_ascii_control()) {
            return Err(broken("the head of a part holds a control character"));
        }
        let (name, value) = line
            .split_once(':')
            .ok_or(broken("a part has a strange head"))?;
        match name.trim().to_ascii_lowercase().as_str() {
            "content-disposition" => disposition(value.trim(), &mut part)?,
            "content-type" => part.kind = Some(value.trim().to_owned()),
            "content-length" => {}
            _ => return Err(broken("a part has a head that is not known here")),
        }
    }
    match part.name.is_empty() {
        true => Err(broken("a part has no name")),
        false => Ok(part),
    }
}

fn disposition(value: &str, part: &mut Part) -> Result<(), RequestError> {
    let mut pieces = value.split(';').map(str::trim);
    if pieces.next() != Some("form-data") {
        return Err(broken("a part is no `form-data`"));
    }
    for piece in pieces {
        let (name, quoted) = piece
            .split_once('=')
            .ok_or(broken("a part has a strange head"))?;
        let text = quoted
            .strip_prefix('"')
            .and_then(|text| text.strip_suffix('"'))
            .filter(|text| !text.contains(['"', '\\']));
        let text = text
            .ok_or(broken("a name is not in plain quotes"))?
            .to_owned();
        match name {
            "name" if part.name.is_empty() => part.name = text,
            "filename" if part.file.is_none() => part.file = Some(text),
            _ => return Err(broken("a part has a strange head")),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &str = "--x\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nwhisper-1\r\n\
        --x\r\ncontent-disposition: form-data; name=\"file\"; filename=\"a.mp3\"\r\n\
        content-type: audio/mpeg\r\n\r\nsound\r\n--x--\r\n";
    const KIND: &str = "multipart/form-data; boundary=x";

    fn read(body: &str) -> Result<Form, RequestError> {
        Form::read(KIND, body.as_bytes())
    }

    #[test]
    fn a_form_is_written_as_it_was_understood() {
        let form = read(BODY).expect("a form");
        let written = form.write(BODY.as_bytes(), Some("mine"));
        let again = Form::read(&form.content_type(), &written).expect("a form");
        let of = |form: &Form, body: &[u8]| -> Vec<(String, bool, Vec<u8>)> {
            let part = |part: &Part| {
                let content = body[part.content.clone()].to_vec();
                (part.name.clone(), part.is_file(), content)
            };
            form.parts.iter().map(part).collect()
        };
        let mut expected = of(&form, BODY.as_bytes());
        expected[0].2 = b"mine".to_vec();
        assert_eq!(of(&again, &written), expected);
        assert!(String::from_utf8_lossy(&written).contains("audio/mpeg"));
    }

    #[test]
    fn heads_hold_no_lines_of_their_own_and_are_short() {
        for kind in [
            "a/b\ncontent-disposition: x",
            "a/b\rc",
            "a/\0b",
            &"a".repeat(5_000),
        ] {
            let body = BODY.replace("audio/mpeg", kind);
            assert!(read(&body).is_err(), "{kind:?}");
        }
    }

    #[test]
    fn forms_that_could_be_read_otherwise_are_refused() {
        for (from, to) in [
            ("--x\r\nContent", "hello\r\n--x\r\nContent"),
            ("--x--", ""),
            ("name=\"model\"", "name=model"),
            ("name=\"model\"", "name=\"mo\\\"del\""),
            ("name=\"model\"", "name=\"model\"; name=\"other\""),
            ("name=\"model\"", "filename=\"model\""),
            ("name=\"file\"", "name=\"model\""),
            ("form-data", "attachment"),
            ("content-type", "content-transfer-encoding"),
            ("\r\n--x--", "\r\n--xy--"),
        ] {
            let body = BODY.replacen(from, to, 1);
            assert!(read(&body).is_err(), "{from} {to}");
        }
        for kind in [
            "application/json",
            "multipart/form-data",
            "multipart/form-data; boundary=",
        ] {
            assert!(Form::read(kind, BODY.as_bytes()).is_err(), "{kind}");
        }
    }

    #[test]
    fn the_border_of_ours_is_another_for_each_body() {
        let border = |body: &str| read(body).expect("a form").border;
        let one = border(BODY);
        assert_eq!(one, border(BODY));
        let other = BODY.replace("sound", &one);
        assert_ne!(one, border(&other));
    }
}
