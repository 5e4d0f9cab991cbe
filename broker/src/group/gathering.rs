//! Answers that are put together from the answers of several coordinators (`FutureUtils.combineFutures`).

use crate::ids::GroupId;
use crate::message::{Request, Response};

/// An answer of which parts are still to come.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Gathering {
    request: Request,
    parts_to_come: usize,
    so_far: Response,
}

impl Gathering {
    /// The answer to `request` from so many parts; `so_far` is what is known already.
    pub fn new(request: Request, parts_to_come: usize, so_far: Response) -> Gathering {
        Gathering { request, parts_to_come, so_far }
    }

    /// Takes a part in; the whole answer if it was the last.
    pub fn add(&mut self, part: Response) -> Option<Response> {
        self.parts_to_come -= 1;
        merge(&mut self.so_far, part);
        (self.parts_to_come == 0).then(|| self.in_the_order_of_the_request())
    }

    /// Kafka answers in the order in which a hash map gives the partitions; here it is the request's.
    fn in_the_order_of_the_request(&self) -> Response {
        let mut whole = self.so_far.clone();
        match (&self.request, &mut whole) {
            (Request::OffsetFetch(request), Response::OffsetFetch(response)) => {
                let asked: Vec<&GroupId> = request.groups.iter().map(|group| &group.group).collect();
                response.groups.sort_by_key(|group| place(&asked, &group.group));
            }
            (Request::DescribeGroups(request), Response::DescribeGroups(response)) => {
                let asked: Vec<&GroupId> = request.groups.iter().collect();
                response.groups.sort_by_key(|group| place(&asked, &group.group));
            }
            (Request::ConsumerGroupDescribe(request), Response::ConsumerGroupDescribe(response)) => {
                let asked: Vec<&GroupId> = request.groups.iter().collect();
                response.groups.sort_by_key(|group| place(&asked, &group.group));
            }
            (Request::DeleteGroups(request), Response::DeleteGroups(response)) => {
                let asked: Vec<&GroupId> = request.groups.iter().collect();
                response.results.sort_by_key(|(group, _)| place(&asked, group));
            }
            _ => {}
        }
        whole
    }
}

fn place(asked: &[&GroupId], group: &GroupId) -> usize {
    asked.iter().position(|asked| *asked == group).unwrap_or(asked.len())
}

fn merge(whole: &mut Response, part: Response) {
    match (whole, part) {
        (Response::OffsetFetch(whole), Response::OffsetFetch(part)) => whole.groups.extend(part.groups),
        (Response::OffsetCommit(whole), Response::OffsetCommit(part)) => whole.partitions.extend(part.partitions),
        (Response::TxnOffsetCommit(whole), Response::TxnOffsetCommit(part)) => whole.partitions.extend(part.partitions),
        (Response::WriteTxnMarkers(whole), Response::WriteTxnMarkers(part)) => {
            for (producer, errors) in part.markers {
                match whole.markers.iter_mut().find(|(known, _)| *known == producer) {
                    Some((_, known)) => known.extend(errors),
                    None => whole.markers.push((producer, errors)),
                }
            }
        }
        (Response::OffsetDelete(whole), Response::OffsetDelete(part)) if part.error.is_none() => {
            whole.partitions.extend(part.partitions);
        }
        (Response::OffsetDelete(whole), Response::OffsetDelete(part)) => *whole = part,
        (Response::ListGroups(whole), Response::ListGroups(part)) => {
            if whole.error.is_none() && !part.error.is_none() {
                *whole = part;
            } else if whole.error.is_none() {
                whole.groups.extend(part.groups);
            }
        }
        (Response::DescribeGroups(whole), Response::DescribeGroups(part)) => whole.groups.extend(part.groups),
        (Response::ConsumerGroupDescribe(whole), Response::ConsumerGroupDescribe(part)) => {
            whole.groups.extend(part.groups);
        }
        (Response::DeleteGroups(whole), Response::DeleteGroups(part)) => whole.results.extend(part.results),
        (whole, part) => panic!("{} is no part of {}", part.api().name(), whole.api().name()),
    }
}
