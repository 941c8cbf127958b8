//! The form by which a file is stored at a provider.

use bytes::Bytes;

use super::RequestError;
use super::form::Form;

/// A form that brings a file, read as a whole.
#[derive(Debug, Clone)]
pub struct FileForm {
    form: Form,
    body: Bytes,
}

impl FileForm {
    /// Reads a form whose boundary the content type names.
    ///
    /// # Errors
    /// [`RequestError::NotAForm`], [`RequestError::Duplicate`].
    pub fn read(content_type: &str, body: Bytes) -> Result<FileForm, RequestError> {
        let form = Form::read(content_type, &body)?;
        Ok(FileForm { form, body })
    }

    /// What it consists of, in order: the name of the file, if it is one, and the content.
    pub fn parts(&self) -> impl Iterator<Item = (Option<&str>, Bytes)> {
        let parts = self.form.parts.iter();
        parts.map(|part| (part.file.as_deref(), self.body.slice(part.content.clone())))
    }

    /// The form as it was understood, written anew between boundaries of our own, with these
    /// contents in the places of those that came, part by part.
    pub fn with_contents(&self, contents: &[Bytes]) -> Bytes {
        self.form.write_with(&self.body, |number, _| {
            contents.get(number).map(|content| &**content)
        })
    }

    /// The type of what [`Self::with_contents`] gives.
    pub fn content_type(&self) -> String {
        self.form.content_type()
    }
}
