//! Shapes: the distinct lists of columns that rows have values in.

use std::hash::BuildHasher;

use foldhash::fast::FixedState;
use hashbrown::HashTable;

/// Distinct lists of columns, each a place.
#[derive(Clone, Debug, Default)]
pub(crate) struct Shapes {
    columns: Vec<u32>,
    ends: Vec<u32>,
}

impl Shapes {
    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// The columns of a shape, in the order of its values.
    #[inline]
    pub(crate) fn get(&self, shape: u32) -> &[u32] {
        let shape = shape as usize;
        let start = shape.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.columns[start as usize..self.ends[shape] as usize]
    }

    /// Appends a shape, distinct or not.
    pub(crate) fn push(&mut self, columns: &[u32]) -> u32 {
        self.columns.extend_from_slice(columns);
        self.ends.push(self.columns.len() as u32);
        (self.ends.len() - 1) as u32
    }

    /// The memory it takes.
    pub(crate) fn byte_len(&self) -> usize {
        (self.columns.capacity() + self.ends.capacity()) * size_of::<u32>()
    }
}

/// Finds the place of a shape, or appends it.
#[derive(Debug)]
pub(super) struct ShapeInterner {
    places: HashTable<u32>,
    hasher: FixedState,
}

impl ShapeInterner {
    pub(super) fn new(seed: u64) -> Self {
        Self { places: HashTable::new(), hasher: FixedState::with_seed(seed) }
    }

    pub(super) fn intern(&mut self, shapes: &mut Shapes, columns: &[u32]) -> u32 {
        let hash = self.hasher.hash_one(columns);
        if let Some(place) = self.places.find(hash, |place| shapes.get(*place) == columns) {
            return *place;
        }
        let place = shapes.push(columns);
        let (shapes, hasher) = (&*shapes, &self.hasher);
        self.places.insert_unique(hash, place, |place| hasher.hash_one(shapes.get(*place)));
        place
    }

    pub(super) fn byte_len(&self) -> usize {
        self.places.allocation_size()
    }
}
