//! From writes to pairs: what each key ends with, the ids of those that were given none, and who lost an id to whom.

use std::collections::BTreeMap;

use qx_formats::dict_seg::layout::{FIRST_ID, MAX_ID};
use qx_formats::dict_seg::{Numbers, Room};
use qx_formats::{Error, Result};

use crate::pairs::{Labels, Op, Write, Writes};
use crate::room::Space;

/// What a key ends with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Id {
    Given(u64),
    /// The id that is issued for the write of this number.
    Fresh(u64),
}

/// One key, after all its writes.
pub struct Group {
    pub write: Write,
    pub id: Id,
    /// Number of the last write.
    pub last: u64,
}

/// Walks sorted writes key by key.
pub struct Groups<'a> {
    sorted: &'a mut (dyn Writes + 'a),
    labels: &'a Labels,
    ahead: Write,
    more: bool,
    pub replaced: u64,
    pub removed: u64,
    /// Removals that met no pair.
    pub unmatched: u64,
}

impl<'a> Groups<'a> {
    pub fn new(sorted: &'a mut (dyn Writes + 'a), labels: &'a Labels) -> Result<Self> {
        let mut ahead = Write::default();
        sorted.rewind(labels)?;
        let more = sorted.next(labels, &mut ahead)?;
        Ok(Groups { sorted, labels, ahead, more, replaced: 0, removed: 0, unmatched: 0 })
    }

    /// Goes on where [`Groups::pause`] left.
    pub fn resume(sorted: &'a mut (dyn Writes + 'a), labels: &'a Labels, ahead: Write, more: bool) -> Self {
        Groups { sorted, labels, ahead, more, replaced: 0, removed: 0, unmatched: 0 }
    }

    pub fn pause(self) -> (Write, bool) {
        (self.ahead, self.more)
    }

    /// The next key that is left with an id. `event` hears of every write that gives or issues one.
    pub fn next(&mut self, group: &mut Group, mut event: impl FnMut(u64, Id) -> Result<()>) -> Result<bool> {
        while self.more {
            std::mem::swap(&mut group.write, &mut self.ahead);
            let mut state = None;
            self.apply(&mut state, group.write.seq, group.write.op, &mut event)?;
            group.last = group.write.seq;
            loop {
                self.more = self.sorted.next(self.labels, &mut self.ahead)?;
                if !self.more || self.ahead.label != group.write.label || self.ahead.key != group.write.key {
                    break;
                }
                group.last = self.ahead.seq;
                self.apply(&mut state, self.ahead.seq, self.ahead.op, &mut event)?;
            }
            if let Some(id) = state {
                group.id = id;
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn apply(
        &mut self,
        state: &mut Option<Id>,
        seq: u64,
        op: Op,
        event: &mut impl FnMut(u64, Id) -> Result<()>,
    ) -> Result<()> {
        match op {
            Op::Remove => {
                match state.take() {
                    Some(_) => self.removed += 1,
                    None => self.unmatched += 1,
                }
                return Ok(());
            }
            Op::Put if state.is_some() => {
                self.replaced += 1;
                return Ok(());
            }
            Op::Put => *state = Some(Id::Fresh(seq)),
            Op::PutId(id) => {
                self.replaced += u64::from(state.is_some());
                *state = Some(Id::Given(id));
            }
        }
        match *state {
            Some(id) => event(seq, id),
            None => Ok(()),
        }
    }
}

/// Ids that count as issued from a write on: (number of the write, next free id).
pub type Reserved = BTreeMap<u64, u64>;

/// The outcome of the first walk.
pub struct Resolved {
    pub keys: u64,
    pub next_id: u64,
    pub replaced: u64,
    pub removed: u64,
    pub unmatched: u64,
    pub displaced: u64,
    /// (key number, id) of keys whose id was issued; `None` when it follows from the number of the write.
    pub issued: Option<Box<dyn Numbers>>,
    /// Numbers of keys that lost their id.
    pub dropped: Option<Box<dyn Numbers>>,
    /// Keys of each label by number, those that were dropped left out.
    pub by_label: Vec<u64>,
    /// First id issued, where `issued` is `None`.
    pub first: u64,
    /// Each write is a key of its own, and has its id or takes the next one.
    pub straight: bool,
}

/// A write's number, and whether the id was given (1) or is to be issued (0), and to whom.
fn event_number(seq: u64, id: Id, key: u64) -> u128 {
    match id {
        Id::Given(id) => u128::from(seq) << 65 | 1 << 64 | u128::from(id),
        Id::Fresh(_) => u128::from(seq) << 65 | u128::from(key),
    }
}

/// Nobody keeps the id that was issued.
const NOBODY: u64 = u64::MAX;

fn run_out(id: u64) -> Error {
    Error::limit("id", MAX_ID, id).hint("every id has been issued")
}

/// A bit for each id, to see at once whether any is there twice.
struct Seen {
    bits: Vec<u64>,
    /// Bytes that it may take.
    most: usize,
    /// No id was added twice, and none was too high to have a bit.
    distinct: bool,
}

impl Seen {
    #[inline]
    fn add(&mut self, id: u64) {
        let (word, bit) = ((id / 64) as usize, 1 << (id % 64));
        if word >= self.bits.len() {
            if !self.distinct || word >= self.most / 8 {
                self.distinct = false;
                return;
            }
            self.bits.resize((word + 1).next_power_of_two().min(self.most / 8), 0);
        }
        if let Some(w) = self.bits.get_mut(word) {
            self.distinct &= *w & bit == 0;
            *w |= bit;
        }
    }
}

/// What is told of writes as they come, while each key is above the one before it and none is removed: where all of them give
/// an id, or none does, no walk has to find out more.
pub struct Straight {
    /// The first write of each label.
    starts: Vec<(u32, u64)>,
    fresh: bool,
    explicit: bool,
    highest: u64,
    seen: Seen,
}

impl Straight {
    pub fn new(space: &Space) -> Straight {
        let seen = Seen { bits: Vec::new(), most: space.each, distinct: true };
        Straight { starts: Vec::new(), fresh: false, explicit: false, highest: 0, seen }
    }

    /// Takes the next write.
    #[inline]
    pub fn add(&mut self, number: u64, label: u32, op: Op) {
        if self.starts.last().is_none_or(|start| start.0 != label) {
            self.starts.push((label, number));
        }
        match op {
            Op::PutId(id) => {
                self.explicit = true;
                self.highest = self.highest.max(id);
                self.seen.add(id);
            }
            _ => self.fresh = true,
        }
    }

    /// Every id, if that is all there is to know.
    fn resolved(&self, labels: usize, writes: u64, reserved: &Reserved) -> Result<Option<Resolved>> {
        if self.fresh == self.explicit || !self.seen.distinct || (self.fresh && reserved.keys().any(|&seq| seq != 0)) {
            return Ok(None);
        }
        let first = reserved.get(&0).copied().unwrap_or(FIRST_ID).max(FIRST_ID);
        let next_id = if self.fresh {
            first.checked_add(writes).filter(|&n| n - 1 <= MAX_ID).ok_or_else(|| run_out(u64::MAX))?
        } else {
            reserved.values().copied().max().unwrap_or(FIRST_ID).max(self.highest + 1).max(FIRST_ID)
        };
        Ok(Some(Resolved {
            keys: writes,
            next_id,
            replaced: 0,
            removed: 0,
            unmatched: 0,
            displaced: 0,
            issued: None,
            dropped: None,
            by_label: by_label(&self.starts, writes, labels),
            first,
            straight: true,
        }))
    }
}

/// What the first walk over the writes finds.
struct Walked {
    /// See [`event_number`]; only where some writes had no id.
    events: Box<dyn Numbers>,
    /// (id, key number) of ids that were given; only they can meet another of their kind. Left empty where `seen` tells
    /// that none does.
    given: Box<dyn Numbers>,
    /// Every id that was given, while no two keys have one.
    seen: Seen,
    /// The first key of each label.
    starts: Vec<(u32, u64)>,
    fresh: u64,
    explicit: u64,
    keys: u64,
    highest: Option<u64>,
    replaced: u64,
    removed: u64,
    unmatched: u64,
}

fn walk(sorted: &mut dyn Writes, labels: &Labels, without_id: bool, collect: bool, space: &Space) -> Result<Walked> {
    let mut room = space.clone();
    let mut events = room.numbers()?;
    let mut given = room.numbers()?;
    // Issued ids may meet given ones, too, and have no place in the bitmap.
    let mut seen = Seen { bits: Vec::new(), most: space.each, distinct: !without_id && !collect };
    let collects = collect || without_id;
    let mut starts: Vec<(u32, u64)> = Vec::new();
    let (mut fresh, mut explicit, mut keys, mut highest) = (0u64, 0u64, 0u64, None::<u64>);
    let mut groups = Groups::new(sorted, labels)?;
    let mut group = Group { write: Write::default(), id: Id::Given(0), last: 0 };
    let mut heard: Vec<(u64, Id)> = Vec::new();
    loop {
        heard.clear();
        let found = groups.next(&mut group, |seq, id| {
            heard.push((seq, id));
            Ok(())
        })?;
        for &(seq, id) in &heard {
            match id {
                Id::Given(id) => {
                    explicit += 1;
                    highest = highest.max(Some(id));
                }
                Id::Fresh(_) => fresh += 1,
            }
            let keeps = found && id == Id::Fresh(seq) && group.id == id;
            if without_id {
                events.push(event_number(seq, id, if keeps { keys } else { NOBODY }))?;
            }
        }
        if !found {
            break;
        }
        if starts.last().is_none_or(|s| s.0 != group.write.label) {
            starts.push((group.write.label, keys));
        }
        if let Id::Given(id) = group.id {
            if collects {
                given.push(u128::from(id) << 64 | u128::from(keys))?;
            } else {
                seen.add(id);
            }
        }
        keys += 1;
    }
    let Groups { replaced, removed, unmatched, .. } = groups;
    Ok(Walked { events, given, seen, starts, fresh, explicit, keys, highest, replaced, removed, unmatched })
}

/// Walks the writes once and finds every id.
///
/// `without_id`: whether any write had none; only then their order matters. `straight`: what was told of writes that came in
/// order.
pub fn resolve(
    sorted: &mut dyn Writes,
    labels: &Labels,
    writes: u64,
    without_id: bool,
    straight: Option<&Straight>,
    reserved: &Reserved,
    space: &Space,
) -> Result<Resolved> {
    if let Some(resolved) = straight.map_or(Ok(None), |s| s.resolved(labels.len(), writes, reserved))? {
        return Ok(resolved);
    }
    let mut walked = walk(sorted, labels, without_id, false, space)?;
    if !without_id && !walked.seen.distinct {
        // Who has whose id is told by a walk that keeps them all.
        walked = walk(sorted, labels, without_id, true, space)?;
    }
    let Walked { mut events, mut given, seen, starts, fresh, explicit, keys, highest, .. } = walked;
    let first = reserved.get(&0).copied().unwrap_or(FIRST_ID).max(FIRST_ID);
    let mut r = Resolved {
        keys,
        next_id: first,
        replaced: walked.replaced,
        removed: walked.removed,
        unmatched: walked.unmatched,
        displaced: 0,
        issued: None,
        dropped: None,
        by_label: by_label(&starts, keys, labels.len()),
        first,
        straight: false,
    };
    if fresh == writes && reserved.keys().all(|&seq| seq == 0) {
        // Every write was of a new key and had no id: the ids are the numbers of the writes.
        r.next_id = first.checked_add(writes).filter(|&n| n - 1 <= MAX_ID).ok_or_else(|| run_out(u64::MAX))?;
        return Ok(r);
    }
    if fresh == 0 {
        let most = reserved.values().copied().max().unwrap_or(FIRST_ID);
        r.next_id = highest.map_or(FIRST_ID, |id| id + 1).max(most).max(FIRST_ID);
    } else {
        let mut issued = space.clone().numbers()?;
        r.next_id = issue(events.as_mut(), reserved, issued.as_mut(), given.as_mut(), explicit > 0)?;
        issued.sort()?;
        r.issued = Some(issued);
    }
    if explicit > 0 && !seen.distinct {
        displace(&mut r, sorted, labels, given.as_mut(), &starts, space)?;
    }
    Ok(r)
}

fn by_label(starts: &[(u32, u64)], keys: u64, labels: usize) -> Vec<u64> {
    let mut counts = vec![0; labels];
    for (i, &(label, from)) in starts.iter().enumerate() {
        let to = starts.get(i + 1).map_or(keys, |s| s.1);
        if let Some(count) = counts.get_mut(label as usize) {
            *count += to - from;
        }
    }
    counts
}

/// Issues ids in the order of the writes; returns the next free one.
fn issue(
    events: &mut dyn Numbers,
    reserved: &Reserved,
    issued: &mut dyn Numbers,
    given: &mut dyn Numbers,
    may_meet: bool,
) -> Result<u64> {
    let mut next = FIRST_ID;
    let mut reservations = reserved.iter().peekable();
    events.sort()?;
    while let Some(n) = events.next_number()? {
        let seq = (n >> 65) as u64;
        while let Some((_, &id)) = reservations.next_if(|(at, _)| **at <= seq) {
            next = next.max(id);
        }
        let payload = n as u64;
        if n >> 64 & 1 == 1 {
            next = next.max(payload + 1);
            continue;
        }
        if next > MAX_ID {
            return Err(run_out(next));
        }
        if payload != NOBODY {
            issued.push(u128::from(payload) << 64 | u128::from(next))?;
            if may_meet {
                given.push(u128::from(next) << 64 | u128::from(payload))?;
            }
        }
        next += 1;
    }
    Ok(reservations.fold(next, |next, (_, &id)| next.max(id)))
}

/// (key number, id) of all keys whose id another one has, too; `None` when there are none.
fn rivals(given: &mut dyn Numbers, room: &mut Space) -> Result<Option<Box<dyn Numbers>>> {
    let mut rivals = room.numbers()?;
    let mut last: Option<(u64, u64, bool)> = None;
    let mut any = false;
    given.sort()?;
    while let Some(n) = given.next_number()? {
        let (id, key) = ((n >> 64) as u64, n as u64);
        let met = match last {
            Some((last_id, rival, told)) if last_id == id => {
                if !told {
                    rivals.push(u128::from(rival) << 64 | u128::from(id))?;
                }
                rivals.push(u128::from(key) << 64 | u128::from(id))?;
                any = true;
                true
            }
            _ => false,
        };
        last = Some((id, key, met));
    }
    Ok(any.then_some(rivals))
}

/// Of keys that ended with the same id, the one that was written last keeps it.
fn displace(
    r: &mut Resolved,
    sorted: &mut dyn Writes,
    labels: &Labels,
    given: &mut dyn Numbers,
    starts: &[(u32, u64)],
    space: &Space,
) -> Result<()> {
    let mut room = space.clone();
    let Some(mut rivals) = rivals(given, &mut room)? else { return Ok(()) };
    // The last write of each rival is told by a second walk; the latest comes first among those of one id.
    let mut order = room.records()?;
    rivals.sort()?;
    let mut rival = rivals.next_number()?;
    let mut groups = Groups::new(sorted, labels)?;
    let mut group = Group { write: Write::default(), id: Id::Given(0), last: 0 };
    let mut key = 0u64;
    while rival.is_some() && groups.next(&mut group, |_, _| Ok(()))? {
        if let Some(n) = rival.filter(|n| (n >> 64) as u64 == key) {
            let mut record = [0; 24];
            record[..8].copy_from_slice(&(n as u64).to_be_bytes());
            record[8..16].copy_from_slice(&(!group.last).to_be_bytes());
            record[16..].copy_from_slice(&key.to_be_bytes());
            order.push(&record)?;
            rival = rivals.next_number()?;
        }
        key += 1;
    }
    let mut dropped = room.numbers()?;
    let mut id_before = None;
    order.sort()?;
    while let Some(record) = order.next_record()? {
        let long = |at: usize| record.get(at..).and_then(|b| b.first_chunk()).map_or(0, |b| u64::from_be_bytes(*b));
        if id_before != Some(long(0)) {
            id_before = Some(long(0));
            continue;
        }
        let key = long(16);
        dropped.push(u128::from(key))?;
        r.displaced += 1;
        let at = starts.partition_point(|s| s.1 <= key);
        if let Some(count) = at.checked_sub(1).and_then(|i| r.by_label.get_mut(starts[i].0 as usize)) {
            *count -= 1;
        }
    }
    dropped.sort()?;
    r.dropped = Some(dropped);
    Ok(())
}
