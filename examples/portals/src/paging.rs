//! `?page=&per_page=` of every list.

use axum::extract::{FromRequestParts, Query};
use axum::http::request::Parts;
use serde::Deserialize;

use crate::problem::Problem;

/// Which rows of a list are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Paging {
    /// From 1.
    pub(crate) page: u32,
    /// 1 to [`PER_PAGE_MAX`].
    pub(crate) per_page: u32,
}

impl Paging {
    fn checked(wire: &Wire) -> Option<Self> {
        let page = wire.page.unwrap_or(1);
        let per_page = wire.per_page.unwrap_or(PER_PAGE_DEFAULT);
        ((1..=PAGE_MAX).contains(&page) && (1..=PER_PAGE_MAX).contains(&per_page)).then_some(Self { page, per_page })
    }

    /// How many rows come before this page.
    pub(crate) fn offset(self) -> i64 {
        i64::from(self.page.saturating_sub(1)) * i64::from(self.per_page)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Paging {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let wire = Query::<Wire>::from_request_parts(parts, state).await;
        wire.ok()
            .and_then(|Query(wire)| Self::checked(&wire))
            .ok_or(Problem::Query("page must be 1 to 1000000, per_page 1 to 500"))
    }
}

/// One page of a list, its rows already JSON.
pub(crate) struct Page {
    pub(crate) rows: Vec<String>,
    pub(crate) total: u32,
}

impl Page {
    /// `{"data":[…],"page":…,"per_page":…,"total":…,"pages":…}`
    pub(crate) fn into_text(self, Paging { page, per_page }: Paging) -> String {
        let Self { rows, total } = self;
        let pages = total.div_ceil(per_page);
        let rows = rows.join(",");
        format!(r#"{{"data":[{rows}],"page":{page},"per_page":{per_page},"total":{total},"pages":{pages}}}"#)
    }
}

/// Unknown parameters are left alone: gateways and browsers add their own.
#[derive(Deserialize)]
struct Wire {
    page: Option<u32>,
    per_page: Option<u32>,
}

const PAGE_MAX: u32 = 1_000_000;
const PER_PAGE_DEFAULT: u32 = 25;
/// 500 purchase orders are more than a megabyte: enough to try a large answer.
const PER_PAGE_MAX: u32 = 500;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_bounded() {
        let cases = [
            (None, None, Some((1, 25, 0))),
            (Some(3), Some(10), Some((3, 10, 20))),
            (Some(1_000_000), Some(500), Some((1_000_000, 500, 499_999_500))),
            (Some(0), None, None),
            (Some(1_000_001), None, None),
            (None, Some(0), None),
            (None, Some(501), None),
        ];
        for (page, per_page, want) in cases {
            let seen = Paging::checked(&Wire { page, per_page });
            let seen = seen.map(|paging| (paging.page, paging.per_page, paging.offset()));
            assert_eq!(seen, want, "page {page:?}, per_page {per_page:?}");
        }
    }
}
