//! The calls of tools in an answer, however they come: in pieces with or without their place, ids missing, twice, or the same for
//! all; names repeated; whole.

use serde::de::IgnoredAny;
use uuid::Uuid;

use super::super::{CallHead, CallPiece};
use crate::platform::lenient::join_halves;

/// More calls in one answer are none that anybody wants.
pub(super) const MOST: usize = 128;

/// What a piece says of a call. What it does not say is empty.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(in super::super) struct SaidCall {
    /// Which of the answer's calls.
    pub place: Option<u32>,
    pub id: String,
    pub name: String,
    /// JSON, or the next of it.
    pub arguments: String,
    /// It is all of the call, and another one than those before.
    pub is_whole: bool,
}

/// Those that have come.
#[derive(Default)]
pub(super) struct Calls {
    all: Vec<Call>,
    /// Some came in pieces: those of a whole message would be the same once more.
    pub in_pieces: bool,
}

struct Call {
    place: Option<u32>,
    /// As the server says it.
    id: String,
    /// Its number among those that have begun; none before it has a name.
    number: Option<usize>,
    told_id: String,
    arguments: String,
    half: Option<u32>,
}

impl Calls {
    /// None of those that have come has a name.
    pub(super) fn is_empty(&self) -> bool {
        self.all.iter().all(|call| call.number.is_none())
    }

    /// There are too many.
    pub(super) fn is_full(&self) -> bool {
        self.all.len() > MOST
    }

    /// What is new in it, if something is.
    pub(super) fn take(&mut self, said: SaidCall) -> Option<CallPiece> {
        let SaidCall { place, id, name, mut arguments, is_whole } = said;
        let found = if is_whole { None } else { self.find(place, &id, &name) };
        let at = found.unwrap_or_else(|| {
            let told_id = String::new();
            self.all.push(Call { place, id: id.clone(), number: None, told_id, arguments: String::new(), half: None });
            self.all.len() - 1
        });
        let (taken, begun) = (self.is_taken(&id), self.all.iter().filter(|call| call.number.is_some()).count());
        let call = self.all.get_mut(at)?;
        if call.id.is_empty() {
            call.id = id;
        }
        join_halves(&mut arguments, &mut call.half);
        call.arguments.push_str(&arguments);
        if let Some(index) = call.number {
            return (!arguments.is_empty()).then_some(CallPiece { index, begins: None, arguments });
        }
        if name.trim().is_empty() {
            return None;
        }
        call.told_id =
            if call.id.is_empty() || taken { format!("call_{}", Uuid::now_v7().simple()) } else { call.id.clone() };
        call.number = Some(begun);
        let head = CallHead { id: call.told_id.clone(), name: name.trim().to_owned() };
        // What came before the name is not lost.
        Some(CallPiece { index: begun, begins: Some(head), arguments: call.arguments.clone() })
    }

    /// Whether another call has this id already.
    fn is_taken(&self, id: &str) -> bool {
        self.all.iter().any(|call| call.number.is_some() && call.told_id == id)
    }

    /// The call that goes on.
    fn find(&self, place: Option<u32>, id: &str, name: &str) -> Option<usize> {
        let is_same = |call: &&Call| id.is_empty() || call.id.is_empty() || call.id == id;
        if place.is_some() {
            // Some servers give all of them the same place.
            return self.all.iter().rposition(|call| call.place == place && is_same(&call));
        }
        if !id.is_empty() {
            return self.all.iter().rposition(|call| call.id == id);
        }
        let last = self.all.last()?;
        let is_over =
            !name.is_empty() && last.number.is_some() && serde_json::from_str::<IgnoredAny>(&last.arguments).is_ok();
        (!is_over).then_some(self.all.len() - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(place: Option<u32>, id: &str, name: &str, arguments: &str) -> SaidCall {
        let [id, name, arguments] = [id, name, arguments].map(str::to_owned);
        SaidCall { place, id, name, arguments, is_whole: false }
    }

    /// Names and arguments in the order of the calls; ids are there and differ.
    fn read(pieces: Vec<SaidCall>) -> Vec<(String, String)> {
        let (mut calls, mut read, mut ids) = (Calls::default(), Vec::<(String, String)>::new(), Vec::new());
        for piece in pieces.into_iter().filter_map(|piece| calls.take(piece)) {
            if let Some(CallHead { id, name }) = piece.begins {
                assert_eq!(piece.index, read.len());
                assert!(!id.is_empty() && !ids.contains(&id), "{id}");
                ids.push(id);
                read.push((name, String::new()));
            }
            read[piece.index].1.push_str(&piece.arguments);
        }
        read
    }

    #[test]
    fn two_calls_are_two_calls_however_they_come() {
        let expected = [("look".to_owned(), "{\"at\":1}".to_owned()), ("find".to_owned(), "{}".to_owned())];
        for pieces in [
            vec![said(Some(0), "a", "look", "{\"at\""), said(Some(0), "", "", ":1}"), said(Some(1), "b", "find", "{}")],
            // Mixed.
            vec![
                said(Some(0), "a", "look", ""),
                said(Some(1), "b", "find", "{"),
                said(Some(0), "", "", "{\"at\":1}"),
                said(Some(1), "", "", "}"),
            ],
            // Name and id with each piece.
            vec![
                said(Some(0), "a", "look", "{\"at\""),
                said(Some(0), "a", "look", ":1}"),
                said(Some(1), "b", "find", "{}"),
            ],
            // One place for all.
            vec![said(Some(0), "a", "look", "{\"at\":1}"), said(Some(0), "b", "find", "{}")],
            // One id for all, and none.
            vec![said(Some(0), "a", "look", "{\"at\":1}"), said(Some(1), "a", "find", "{}")],
            vec![said(Some(0), "", "look", "{\"at\":1}"), said(Some(1), "", "find", "{}")],
            // No places.
            vec![said(None, "a", "look", "{\"at\""), said(None, "", "", ":1}"), said(None, "b", "find", "{}")],
            // Neither.
            vec![said(None, "", "look", "{\"at\""), said(None, "", "look", ":1}"), said(None, "", "find", "{}")],
            // The name comes late.
            vec![said(Some(0), "a", "", "{\"at\""), said(Some(0), "", "look", ":1}"), said(Some(1), "b", "find", "{}")],
            vec![
                SaidCall { is_whole: true, ..said(None, "", "look", "{\"at\":1}") },
                SaidCall { is_whole: true, ..said(None, "", "find", "{}") },
            ],
        ] {
            assert_eq!(read(pieces.clone()), expected, "{pieces:?}");
        }
    }

    #[test]
    fn a_call_without_a_name_is_none() {
        let mut calls = Calls::default();
        assert_eq!(calls.take(said(Some(0), "a", " ", "{}")), None);
        assert!(calls.is_empty());
        for _ in 0..=MOST {
            calls.take(SaidCall { is_whole: true, ..said(None, "", "x", "{}") });
        }
        assert!(calls.is_full());
    }
}
