//! What stands between the network and the routes: users, headers of every answer, a prefix of every path.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, Uri};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Redirect, Response};

use super::authentication::{Users, require_user};
use crate::config::WebFile;

/// Wraps the routes. `route_prefix` begins with a slash and ends without one, or is empty.
pub(crate) fn with_access(mut routes: Router, file: &WebFile, route_prefix: &str) -> Result<Router, String> {
    if !route_prefix.is_empty() {
        let prefix: Arc<str> = route_prefix.into();
        // The layer is outside of the fallback, so the routes see the path without the prefix.
        routes = Router::new().fallback_service(routes).layer(middleware::from_fn_with_state(prefix, without_prefix));
    }
    let mut headers = Vec::new();
    for (name, value) in &file.http_server_config.headers {
        let name: HeaderName = name.parse().map_err(|_| format!("cannot use the header \"{name}\""))?;
        headers.push((name, value.parse::<HeaderValue>().map_err(|_| format!("cannot use the value of a header: \"{value}\""))?));
    }
    if !headers.is_empty() {
        routes = routes.layer(middleware::from_fn_with_state(Arc::new(headers), add_headers));
    }
    if !file.basic_auth_users.is_empty() {
        let users = Arc::new(Users::new(file.basic_auth_users.clone()));
        routes = routes.layer(middleware::from_fn_with_state(users, require_user));
    }
    Ok(routes)
}

async fn add_headers(State(headers): State<Arc<Vec<(HeaderName, HeaderValue)>>>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    for (name, value) in headers.iter() {
        response.headers_mut().insert(name.clone(), value.clone());
    }
    response
}

/// Paths below the prefix lose it, `/` leads to it, others are not there.
async fn without_prefix(State(prefix): State<Arc<str>>, mut request: Request, next: Next) -> Response {
    let uri = request.uri();
    let rest = uri.path().strip_prefix(&*prefix).filter(|rest| rest.is_empty() || rest.starts_with('/'));
    let Some(rest) = rest else {
        return if uri.path() == "/" { Redirect::to(&format!("{prefix}/")).into_response() } else { StatusCode::NOT_FOUND.into_response() };
    };
    let query = uri.query().map_or_else(String::new, |query| format!("?{query}"));
    let path = if rest.is_empty() { "/" } else { rest };
    match format!("{path}{query}").parse::<Uri>() {
        Ok(uri) => {
            *request.uri_mut() = uri;
            next.run(request).await
        }
        Err(_) => StatusCode::BAD_REQUEST.into_response(),
    }
}
