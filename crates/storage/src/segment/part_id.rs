//! The ids of a group's parts, which are a part of the format.

use super::group::ValueForm;

pub(super) const TRACES: u32 = 1;
pub(super) const TRACE_HIGH: u32 = 2;
pub(super) const SPAN_ID: u32 = 3;
pub(super) const PARENT: u32 = 4;
pub(super) const PARENT_ELSEWHERE: u32 = 5;
pub(super) const START: u32 = 6;
pub(super) const DURATION: u32 = 7;
pub(super) const MARKS: u32 = 8;
pub(super) const NAME: u32 = 9;
pub(super) const RESOURCE: u32 = 10;
pub(super) const SCOPE: u32 = 11;
pub(super) const ADDRESS: u32 = 12;
pub(super) const SHAPE: u32 = 13;
pub(super) const EVENT_COUNT: u32 = 14;
pub(super) const EVENT_TIME: u32 = 15;
pub(super) const EVENT_NAME: u32 = 16;
pub(super) const EVENT_SHAPE: u32 = 17;
pub(super) const LINK_COUNT: u32 = 18;
pub(super) const LINK_KIND: u32 = 19;
pub(super) const LINK_TRACE_HIGH: u32 = 20;
pub(super) const LINK_TRACE_LOW: u32 = 21;
pub(super) const LINK_SPAN_ID: u32 = 22;
pub(super) const LINK_SHAPE: u32 = 23;

/// From here on ids name keys: twice the key's code, and one more where the values are texts.
const KEY_MIN: u32 = 64;

/// The id of the values of a key.
pub(super) fn key_part(key: u32, form: ValueForm) -> u32 {
    KEY_MIN + key * 2 + u32::from(form == ValueForm::Texts)
}

/// The key of a part, and whether its values are texts; `None` for a fixed column.
pub(super) fn key_of(id: u32) -> Option<(u32, bool)> {
    let place = id.checked_sub(KEY_MIN)?;
    Some((place / 2, place % 2 == 1))
}
