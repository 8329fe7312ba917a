//! Whether two rows are the same span, received twice.

use crate::columns::{Chunk, Texts};

/// A row of a chunk.
type RowAt<'c> = (&'c Chunk, usize);

/// Whether two rows of one trace are equal in all that their senders said. When and how they
/// arrived is not compared.
pub(super) fn is_same_span(left: RowAt<'_>, right: RowAt<'_>) -> bool {
    let (chunk, row) = left;
    let (other_chunk, other_row) = right;
    let (rows, other) = (&chunk.rows, &other_chunk.rows);
    let wide = [
        (&rows.span_id, &other.span_id),
        (&rows.parent_id, &other.parent_id),
        (&rows.trace_high, &other.trace_high),
        (&rows.trace_low, &other.trace_low),
        (&rows.start_ns, &other.start_ns),
        (&rows.duration_ns, &other.duration_ns),
    ];
    let text = |texts: fn(&Chunk) -> &Texts, place: u32, other_place: u32| {
        texts(chunk).get(place) == texts(other_chunk).get(other_place)
    };
    wide.iter().all(|(list, other_list)| list[row] == other_list[other_row])
        && rows.marks[row] == other.marks[other_row]
        && text(|chunk| &chunk.names, rows.name[row], other.name[other_row])
        && text(|chunk| &chunk.resources.encoded, rows.resource[row], other.resource[other_row])
        && text(|chunk| &chunk.scopes, rows.scope[row], other.scope[other_row])
        && text(|chunk| &chunk.addresses, rows.address[row], other.address[other_row])
        && is_same_list(
            (chunk, rows.shape[row], chunk.span_values.get(row)),
            (other_chunk, other.shape[other_row], other_chunk.span_values.get(other_row)),
        )
        && are_same_events(left, right)
        && are_same_links(left, right)
}

fn are_same_events((chunk, row): RowAt<'_>, (other_chunk, other_row): RowAt<'_>) -> bool {
    let (places, other_places) = (chunk.events_of(row), other_chunk.events_of(other_row));
    let (events, other) = (&chunk.events, &other_chunk.events);
    places.len() == other_places.len()
        && places.zip(other_places).all(|(at, other_at)| {
            let name = chunk.event_names.get(events.name[at]);
            events.time_ns[at] == other.time_ns[other_at]
                && name == other_chunk.event_names.get(other.name[other_at])
                && is_same_list(
                    (chunk, events.shape[at], events.values.get(at)),
                    (other_chunk, other.shape[other_at], other.values.get(other_at)),
                )
        })
}

fn are_same_links((chunk, row): RowAt<'_>, (other_chunk, other_row): RowAt<'_>) -> bool {
    let (places, other_places) = (chunk.links_of(row), other_chunk.links_of(other_row));
    let (links, other) = (&chunk.links, &other_chunk.links);
    places.len() == other_places.len()
        && places.zip(other_places).all(|(at, other_at)| {
            links.kind[at] == other.kind[other_at]
                && links.trace_high[at] == other.trace_high[other_at]
                && links.trace_low[at] == other.trace_low[other_at]
                && links.span_id[at] == other.span_id[other_at]
                && is_same_list(
                    (chunk, links.shape[at], links.values.get(at)),
                    (other_chunk, other.shape[other_at], other.values.get(other_at)),
                )
        })
}

/// A list of values: its chunk, its shape and its words.
type ListAt<'c> = (&'c Chunk, u32, &'c [u64]);

fn is_same_list((chunk, shape, words): ListAt<'_>, other: ListAt<'_>) -> bool {
    let (other_chunk, other_shape, other_words) = other;
    let columns = chunk.shapes.get(shape).iter().map(|place| &chunk.columns[*place as usize]);
    let other_columns = other_chunk.shapes.get(other_shape).iter();
    let other_columns = other_columns.map(|place| &other_chunk.columns[*place as usize]);
    words.len() == other_words.len()
        && columns.zip(other_columns).zip(words.iter().zip(other_words)).all(
            |((column, other_column), (word, other_word))| {
                column.key == other_column.key
                    && if column.key.kind.has_texts() {
                        let (place, other_place) = (*word as u32, *other_word as u32);
                        column.texts.get(place) == other_column.texts.get(other_place)
                    } else {
                        word == other_word
                    }
            },
        )
}
