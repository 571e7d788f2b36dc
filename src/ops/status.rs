use crate::{
    facts::Facts,
    fleet::{Fleet, Member},
    model::cluster::Cluster,
};
#[derive(serde::Serialize)]
pub struct NodeStatus {
    pub host: String,
    pub unit: String,
    pub height: Option<u64>,
    pub peers: Option<usize>,
    pub catching_up: Option<bool>,
    pub rpc_error: Option<String>,
    pub version: Option<String>,
}
pub async fn status(_: &Fleet, _: &[Member], _: &Cluster, _: &Facts) -> Vec<NodeStatus> {
    Vec::new()
}
