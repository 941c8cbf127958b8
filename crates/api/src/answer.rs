//! What goes out: JSON, where it was created, and the tag by which a later change is checked.

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use iron_net::problem::{JSON, Problem};
use iron_primitives::Timestamp;
use iron_sdk::lists::{List, Pagination};
use iron_store::{Page, Paged};
use serde::Serialize;
use utoipa::ToSchema;

/// A body with status 200.
pub(crate) struct Answer<T>(pub(crate) T);

impl<T: Serialize> IntoResponse for Answer<T> {
    fn into_response(self) -> Response {
        json(StatusCode::OK, &self.0)
    }
}

/// One object with the tag of its present version.
pub(crate) struct Tagged<T> {
    view: T,
    tag: String,
}

impl<T> Tagged<T> {
    /// The tag of an object that knows when it last changed.
    pub(crate) fn new(view: T, updated_at: Timestamp) -> Self {
        Tagged {
            view,
            tag: tag_of(updated_at),
        }
    }

    /// A tag made elsewhere.
    pub(crate) fn with_tag(view: T, tag: String) -> Self {
        Tagged { view, tag }
    }
}

/// The tag of an object that last changed at this instant.
pub(crate) fn tag_of(updated_at: Timestamp) -> String {
    format!("\"{:x}\"", updated_at.micros())
}

impl<T: Serialize> IntoResponse for Tagged<T> {
    fn into_response(self) -> Response {
        let mut response = json(StatusCode::OK, &self.view);
        if let Ok(tag) = HeaderValue::try_from(self.tag) {
            response.headers_mut().insert(header::ETAG, tag);
        }
        response
    }
}

/// A new object with status 201 and its place.
pub(crate) struct Created<T> {
    pub(crate) location: String,
    pub(crate) view: T,
}

impl<T: Serialize> IntoResponse for Created<T> {
    fn into_response(self) -> Response {
        let mut response = json(StatusCode::CREATED, &self.view);
        if let Ok(location) = HeaderValue::try_from(self.location) {
            response.headers_mut().insert(header::LOCATION, location);
        }
        response
    }
}

fn json(status: StatusCode, body: &impl Serialize) -> Response {
    match serde_json::to_vec(body) {
        Ok(bytes) => (status, [(header::CONTENT_TYPE, JSON)], bytes).into_response(),
        Err(error) => Problem::internal(error).into_response(),
    }
}

/// Which page a query asks for.
pub(crate) fn page(page: Option<u32>, per_page: Option<u32>) -> Page {
    let default = Page::default();
    Page {
        page: page.unwrap_or(default.page),
        per_page: per_page.unwrap_or(default.per_page),
    }
}

/// A page of things as the list envelope.
pub(crate) fn list<T, V: ToSchema>(
    paged: Paged<T>,
    page: Page,
    view: impl FnMut(T) -> V,
) -> Answer<List<V>> {
    let pagination = Pagination::new(page.page, page.per_page, paged.total);
    Answer(List {
        data: paged.items.into_iter().map(view).collect(),
        pagination,
    })
}

/// A page of things that are all at hand.
pub(crate) fn slice<T, V: ToSchema>(
    items: Vec<T>,
    page: Page,
    view: impl FnMut(T) -> V,
) -> Answer<List<V>> {
    let total = u64::try_from(items.len()).unwrap_or(u64::MAX);
    let skipped = usize::try_from(page.offset()).unwrap_or(usize::MAX);
    let kept = usize::try_from(page.limit()).unwrap_or(0);
    let items = items.into_iter().skip(skipped).take(kept).collect();
    list(Paged { items, total }, page, view)
}
