//! A kind of record and its routes: list, one, create, change, delete.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use tower_http::compression::CompressionLayer;

use crate::body::{JsonText, json};
use crate::paging::Paging;
use crate::problem::Problem;
use crate::store::{Id, Store};

/// A kind of record.
pub(crate) struct Resource {
    /// One of them, in a problem's text.
    pub(crate) noun: &'static str,
    /// A view with the columns `id` and `body` (JSON).
    pub(crate) view: &'static str,
    pub(crate) ids: Ids,
    pub(crate) layout: Layout,
    /// `None`: clients only read it.
    pub(crate) writes: Option<Writes>,
}

/// The statements that change a kind of record: `?1` is its id, `?2` the JSON that the client sent.
pub(crate) struct Writes {
    /// Ends with `RETURNING id`.
    pub(crate) insert: &'static str,
    /// Adds what belongs to a new record, such as the lines of an order.
    pub(crate) insert_lines: Option<&'static str>,
    pub(crate) update: &'static str,
    pub(crate) delete: &'static str,
}

/// What the ids of a portal look like.
#[derive(Clone, Copy)]
pub(crate) enum Ids {
    Uuid,
    Integer,
}

/// White space in a resource's answers.
#[derive(Clone, Copy)]
pub(crate) enum Layout {
    Compact,
    /// Indented by four spaces.
    Pretty,
}

impl Ids {
    fn parse(self, text: &str) -> Option<Id> {
        match self {
            Self::Uuid => uuid::Uuid::try_parse(text).ok().map(Id::from),
            Self::Integer => text.parse::<i64>().ok().map(Id::from),
        }
    }

    /// The id of a new record; `None` leaves it to the database, which counts on.
    fn fresh(self) -> Result<Option<Id>, Problem> {
        match self {
            Self::Uuid => random_uuid().map(|uuid| Some(Id::from(uuid))).ok_or(Problem::Internal),
            Self::Integer => Ok(None),
        }
    }
}

impl Resource {
    /// The routes of this kind of record at `path`, and of one record below it.
    pub(crate) fn routes(&'static self, path: &str) -> Router<Arc<Store>> {
        let mut all =
            get(move |State(store): State<Arc<Store>>, paging: Paging| async move { self.list(&store, paging) });
        let mut one =
            get(move |State(store): State<Arc<Store>>, Path(id): Path<String>| async move { self.one(&store, &id) });
        if let Some(writes) = &self.writes {
            all = all.post(move |State(store): State<Arc<Store>>, body: JsonText| async move {
                self.create(&store, writes, &body)
            });
            one = one
                .put(move |State(store): State<Arc<Store>>, Path(id): Path<String>, body: JsonText| async move {
                    self.change(&store, writes.update, &id, &body)
                })
                .delete(move |State(store): State<Arc<Store>>, Path(id): Path<String>| async move {
                    self.delete(&store, writes, &id)
                });
        }
        Router::new().route(path, all).route(&format!("{path}/{{id}}"), one)
    }

    fn list(&self, store: &Store, paging: Paging) -> Result<Response, Problem> {
        let page = store.page(self.view, paging)?;
        self.answer(store, StatusCode::OK, Some(page.into_text(paging)))
    }

    fn one(&self, store: &Store, id: &str) -> Result<Response, Problem> {
        let body = store.one(self.view, &self.id(id)?)?;
        self.answer(store, StatusCode::OK, body)
    }

    fn create(&self, store: &Store, writes: &Writes, JsonText(body): &JsonText) -> Result<Response, Problem> {
        let id = self.ids.fresh()?;
        let shown = store.insert(self.view, writes.insert, writes.insert_lines, id, body)?;
        self.answer(store, StatusCode::CREATED, shown)
    }

    /// Runs a statement on one record and answers the record.
    pub(crate) fn change(
        &self,
        store: &Store,
        statement: &'static str,
        id: &str,
        JsonText(body): &JsonText,
    ) -> Result<Response, Problem> {
        let shown = store.update(self.view, statement, &self.id(id)?, body)?;
        self.answer(store, StatusCode::OK, shown)
    }

    fn delete(&self, store: &Store, writes: &Writes, id: &str) -> Result<Response, Problem> {
        if store.delete(writes.delete, &self.id(id)?)? {
            Ok(StatusCode::NO_CONTENT.into_response())
        } else {
            Err(self.missing())
        }
    }

    fn answer(&self, store: &Store, status: StatusCode, body: Option<String>) -> Result<Response, Problem> {
        let body = body.ok_or(self.missing())?;
        let body = match self.layout {
            Layout::Compact => body,
            Layout::Pretty => store.indented(&body)?,
        };
        Ok(json(status, body))
    }

    fn id(&self, text: &str) -> Result<Id, Problem> {
        self.ids.parse(text).ok_or(self.missing())
    }

    fn missing(&self) -> Problem {
        Problem::NoSuch(self.noun)
    }
}

/// What every listener serves besides its own routes: health, and problems for the rest.
pub(crate) fn with_common_routes<S: Clone + Send + Sync + 'static>(router: Router<S>) -> Router<S> {
    router
        .route("/healthz", get(async || "ok"))
        .fallback(crate::problem::no_such_path)
        .method_not_allowed_fallback(crate::problem::no_such_method)
}

/// Answers in gzip to who accepts it, except event streams and what is too short to gain.
pub(crate) fn compressed<S: Clone + Send + Sync + 'static>(router: Router<S>) -> Router<S> {
    router.layer(CompressionLayer::new())
}

/// An answer of HTML.
pub(crate) fn html(text: &'static str) -> Response {
    let kind = HeaderValue::from_static("text/html; charset=utf-8");
    ([(header::CONTENT_TYPE, kind)], text).into_response()
}

/// A version 4 UUID; `None` when the operating system gives no random bytes.
pub(crate) fn random_uuid() -> Option<uuid::Uuid> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).ok()?;
    Some(uuid::Builder::from_random_bytes(bytes).into_uuid())
}
