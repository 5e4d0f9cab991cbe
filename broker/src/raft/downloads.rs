//! FetchSnapshot: a follower too far behind for the log reads a snapshot, piece by piece (KIP-630).
//!
//! ```text
//!   Fetch ──▶ snapshot 120-3 ── FetchSnapshot(0) ── FetchSnapshot(8 MiB) ── … ──▶ whole:
//!   sync, rename ──▶ the log is dropped and starts at 120 ──▶ Fetch(120)
//! ```
//!
//! A crash before the rename leaves a `.part` file that the next start removes; one between
//! rename and truncation is finished by the next start.

use super::state::{SnapshotDownload, State};
use super::{Raft, delivery, snapshots};
use crate::context::Context;
use crate::event::RaftEvent;
use crate::message::{ErrorCode, FetchSnapshotRequest, FetchSnapshotResponse, ReplicaKey, SnapshotId};
use crate::storage::StorageResult;

impl Raft {
    fn snapshot_response(&self, error: ErrorCode, snapshot_id: SnapshotId) -> FetchSnapshotResponse {
        let (leader, epoch) = self.leader_and_epoch();
        FetchSnapshotResponse {
            error,
            snapshot_id,
            leader,
            epoch,
            size: 0,
            position: 0,
            bytes: bytes::Bytes::new(),
            leader_endpoint: self.leader_endpoints(),
        }
    }

    pub(super) fn handle_fetch_snapshot(
        &mut self,
        ctx: &mut Context,
        request: FetchSnapshotRequest,
    ) -> StorageResult<FetchSnapshotResponse> {
        let id = request.snapshot_id;
        if !self.has_valid_cluster_id(request.cluster_id) {
            return Ok(self.snapshot_response(ErrorCode::InconsistentClusterId, id));
        }
        if let Some(error) = self.validate_leader_request(request.current_leader_epoch) {
            return Ok(self.snapshot_response(error, id));
        }
        if !self.log.has_snapshot(id) || id == snapshots::BOOTSTRAP {
            return Ok(self.snapshot_response(ErrorCode::SnapshotNotFound, id));
        }
        let bytes = self.log.read_snapshot(ctx, id)?;
        let Some(position) = usize::try_from(request.position).ok().filter(|position| *position < bytes.len()) else {
            return Ok(self.snapshot_response(ErrorCode::PositionOutOfRange, id));
        };
        let end = position.saturating_add(request.max_bytes.max(0) as usize).min(bytes.len());
        let State::Leader(leader) = &mut self.state else { panic!("only a leader serves snapshots") };
        let ReplicaKey { id: replica, .. } = request.replica;
        assert!(replica != leader.own_key.id, "leader {replica} reads its own snapshot");
        leader.note_fetch(ctx.now.monotonic, request.replica);
        let mut response = self.snapshot_response(ErrorCode::None, id);
        response.size = bytes.len() as i64;
        response.position = request.position;
        response.bytes = bytes.slice(position..end);
        Ok(response)
    }

    /// The next piece to ask for, while a snapshot is being read.
    pub(super) fn snapshot_request(&self) -> Option<FetchSnapshotRequest> {
        let State::Follower(state) = &self.state else { return None };
        let download = state.fetching_snapshot?;
        Some(FetchSnapshotRequest {
            cluster_id: Some(self.config.cluster_id),
            replica: self.own_key(),
            current_leader_epoch: state.epoch,
            snapshot_id: download.id,
            position: download.position as i64,
            max_bytes: self.config.settings.internal_max_fetch_size,
        })
    }

    /// The leader's answer to a fetch was: read this snapshot first.
    pub(super) fn start_snapshot_download(&mut self, ctx: &mut Context, id: SnapshotId) -> StorageResult<()> {
        let fetching = if self.log.has_snapshot(id) {
            None
        } else {
            self.log.start_download(ctx, id)?;
            Some(SnapshotDownload { id, position: 0 })
        };
        if let State::Follower(state) = &mut self.state {
            state.fetching_snapshot = fetching;
        }
        Ok(())
    }

    pub(super) fn handle_fetch_snapshot_response(
        &mut self,
        ctx: &mut Context,
        response: FetchSnapshotResponse,
    ) -> StorageResult<bool> {
        let endpoint = response.leader_endpoint.map(|leader| leader.endpoint);
        if let Some(handled) =
            self.handle_common_response(ctx, response.error, response.leader, response.epoch, endpoint)?
        {
            return Ok(handled);
        }
        let State::Follower(state) = &mut self.state else {
            panic!("{:?} expects no piece of a snapshot", self.state.name())
        };
        let Some(download) = state.fetching_snapshot else { panic!("a piece of a snapshot nobody asked for") };
        let named = response.snapshot_id;
        if response.error == ErrorCode::SnapshotNotFound || named.end_offset < 0 || !named.epoch.is_some() {
            // The leader has deleted it meanwhile. A fetch will say which one it has now.
            state.fetching_snapshot = None;
            self.log.abandon_download(ctx, download.id);
            self.note_successful_fetch(ctx.now.monotonic);
            return Ok(true);
        }
        if !response.error.is_none() {
            return Ok(false);
        }
        let expected = (download.id, download.position as i64);
        let got = (response.snapshot_id, response.position);
        assert!(expected == got, "the piece at {got:?} of a snapshot came for the one at {expected:?}");
        let size = self.log.append_download(ctx, download.id, &response.bytes)?;
        if size == response.size as u64 {
            self.finish_snapshot_download(ctx, download.id)?;
        } else if let State::Follower(state) = &mut self.state {
            state.fetching_snapshot = Some(SnapshotDownload { id: download.id, position: size });
        }
        self.note_successful_fetch(ctx.now.monotonic);
        Ok(true)
    }

    fn finish_snapshot_download(&mut self, ctx: &mut Context, id: SnapshotId) -> StorageResult<()> {
        self.log.finish_download(ctx, id)?;
        if let State::Follower(state) = &mut self.state {
            state.fetching_snapshot = None;
        }
        let truncated = self.log.truncate_to_latest_snapshot(ctx)?;
        assert!(truncated, "snapshot {id:?} does not reach beyond the log's end {}", self.log.end_offset());
        ctx.emit(RaftEvent::SnapshotLoaded { snapshot: id });
        delivery::read_membership(ctx, &mut self.log, &mut self.membership)?;
        self.update_follower_high_watermark(ctx, id.end_offset);
        Ok(())
    }
}
