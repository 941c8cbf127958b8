//! What an object says about the texts in it.

use super::keys;
use super::{Channel, Medium};
use crate::scan::Text;

/// What an object says about the texts in it.
#[derive(Debug, Default)]
pub(super) struct Nature {
    by_type: Option<Channel>,
    by_name: Option<Channel>,
    by_role: Option<Channel>,
    pub(super) medium_by_type: Option<Medium>,
    medium_by_name: Option<Medium>,
    medium_by_mime: Option<Medium>,
    /// A document whose data is text.
    pub(super) is_plain: bool,
    /// What the provider has sealed.
    pub(super) is_sealed: bool,
    /// It tells where something comes from, or was found: its ids hold nothing that is read.
    pub(super) refers: bool,
}

impl Nature {
    pub(super) fn named(name: &str) -> Nature {
        Nature {
            by_name: keys::channel_of_name(name),
            medium_by_name: keys::medium_of_name(name),
            ..Nature::default()
        }
    }

    pub(super) fn learn(&mut self, name: &str, text: Text<'_>) {
        if !matches!(
            name,
            "role" | "type" | "media_type" | "mimeType" | "mime_type"
        ) {
            return;
        }
        let word = &*text.decoded();
        match name {
            "role" => {
                let channel = keys::channel_of_role(word);
                self.by_role = self.by_role.max(Some(channel));
            }
            "type" => {
                self.by_type = self.by_type.max(keys::channel_of_type(word));
                self.medium_by_type = keys::medium_of_type(word).or(self.medium_by_type);
                self.is_plain |= matches!(word, "text" | "content");
                self.is_sealed |= word == "redacted_thinking";
                self.refers |= keys::refers(word);
            }
            _ => self.medium_by_mime = Some(keys::medium_of_mime(word)),
        }
    }

    pub(super) fn channel(&self) -> Option<Channel> {
        self.by_type.or(self.by_name).or(self.by_role)
    }

    /// A type of media says more than a name, which for Gemini is the same for all of them.
    pub(super) fn medium(&self) -> Option<Medium> {
        self.medium_by_mime
            .or(self.medium_by_type)
            .or(self.medium_by_name)
    }
}
