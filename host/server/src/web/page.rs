//! Serves the files of the page with the headers that fence it in.

use axum::Router;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use crate::ui::{ASSETS, Asset, CONTENT_SECURITY_POLICY};

/// `GET /` and `/ui/*`.
pub(crate) fn page_routes() -> Router {
    ASSETS.iter().fold(Router::new(), |router, asset| router.route(asset.path, get(move || async move { serve_asset(asset) })))
}

fn serve_asset(asset: &'static Asset) -> Response {
    let headers = [
        (header::CONTENT_TYPE, asset.content_type),
        (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        // The files are small and change with the binary: ask each time rather than show an old page to a new server.
        (header::CACHE_CONTROL, "no-cache"),
    ];
    (headers, asset.text).into_response()
}
