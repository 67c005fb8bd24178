//! The embedded database of one portal. Its views write the JSON (`schema.sql`), so key order and number format are the
//! database's and the same on every request.

use std::sync::{Mutex, MutexGuard, PoisonError};

use rusqlite::types::{ToSql, ToSqlOutput, Value};
use rusqlite::{Connection, OptionalExtension as _, Params, Row};

use crate::paging::{Page, Paging};

/// A database in memory. One connection, so one query at a time: each takes a few milliseconds at most, which is why they
/// are not moved off the runtime's threads.
pub(crate) struct Store(Mutex<Connection>);

impl Store {
    /// Makes the tables and views of `schema` and fills them with `seed`.
    pub(crate) fn seeded(schema: &str, seed: &str) -> rusqlite::Result<Self> {
        let mut connection = Connection::open_in_memory()?;
        connection.execute_batch("PRAGMA foreign_keys = ON;")?;
        let filling = connection.transaction()?;
        filling.execute_batch(schema)?;
        filling.execute_batch(seed)?;
        filling.commit()?;
        Ok(Self(Mutex::new(connection)))
    }

    /// The bodies of one page of `view`, by id.
    pub(crate) fn page(&self, view: &'static str, paging: Paging) -> rusqlite::Result<Page> {
        let connection = self.lock();
        let total =
            connection.prepare_cached(&format!("SELECT count(*) FROM {view}"))?.query_row([], |row| row.get(0))?;
        let rows = connection
            .prepare_cached(&format!("SELECT body FROM {view} ORDER BY id LIMIT ?1 OFFSET ?2"))?
            .query_map((paging.per_page, paging.offset()), first)?
            .collect::<Result<_, _>>()?;
        Ok(Page { rows, total })
    }

    /// The body of one record of `view`.
    pub(crate) fn one(&self, view: &'static str, id: &Id) -> rusqlite::Result<Option<String>> {
        one(&self.lock(), view, id)
    }

    /// The same JSON over several lines.
    pub(crate) fn indented(&self, json: &str) -> rusqlite::Result<String> {
        self.lock().prepare_cached("SELECT json_pretty(?1)")?.query_row([json], first)
    }

    /// The first column of all rows of a query.
    pub(crate) fn texts(&self, sql: &str, params: impl Params) -> rusqlite::Result<Vec<String>> {
        let connection = self.lock();
        let mut statement = connection.prepare_cached(sql)?;
        statement.query_map(params, first)?.collect()
    }

    /// Adds a record from the JSON in `body` and answers how `view` shows it. `lines`, if any, adds what belongs to it.
    pub(crate) fn insert(
        &self,
        view: &'static str,
        record: &'static str,
        lines: Option<&'static str>,
        id: Option<Id>,
        body: &str,
    ) -> rusqlite::Result<Option<String>> {
        let mut connection = self.lock();
        let adding = connection.transaction()?;
        let id = adding.query_row(record, (id, body), |row| row.get(0))?;
        let id = Id(id);
        if let Some(lines) = lines {
            adding.execute(lines, (&id, body))?;
        }
        let shown = one(&adding, view, &id)?;
        adding.commit()?;
        Ok(shown)
    }

    /// Changes a record with the JSON in `body` and answers how `view` shows it; `None` when it does not exist.
    pub(crate) fn update(
        &self,
        view: &'static str,
        record: &'static str,
        id: &Id,
        body: &str,
    ) -> rusqlite::Result<Option<String>> {
        let connection = self.lock();
        match connection.execute(record, (id, body))? {
            0 => Ok(None),
            _ => one(&connection, view, id),
        }
    }

    /// Whether there was such a record.
    pub(crate) fn delete(&self, record: &'static str, id: &Id) -> rusqlite::Result<bool> {
        Ok(self.lock().execute(record, [id])? > 0)
    }

    fn lock(&self) -> MutexGuard<'_, Connection> {
        // A thread that died while it held the lock left no half-done change behind: transactions roll back on drop.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A record's key: a UUID in lower case with dashes, or an integer.
pub(crate) struct Id(Value);

impl From<uuid::Uuid> for Id {
    fn from(uuid: uuid::Uuid) -> Self {
        Self(Value::Text(uuid.hyphenated().to_string()))
    }
}

impl From<i64> for Id {
    fn from(number: i64) -> Self {
        Self(Value::Integer(number))
    }
}

impl ToSql for Id {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        self.0.to_sql()
    }
}

fn one(connection: &Connection, view: &str, id: &Id) -> rusqlite::Result<Option<String>> {
    connection.prepare_cached(&format!("SELECT body FROM {view} WHERE id = ?1"))?.query_row([id], first).optional()
}

fn first(row: &Row<'_>) -> rusqlite::Result<String> {
    row.get(0)
}
