//! A shop after OpenTelemetry's demo: its services, who calls whom, and what its visitors do.

use super::build::Builder;
use super::{Role, World};

/// One kind of visit to the shop.
#[derive(Debug)]
pub(crate) struct Visit {
    /// How many visits of all are of this kind.
    pub(crate) weight: u64,
    pub(crate) steps: Vec<ShopStep>,
}

/// Something that happens on a visit; what has a greater depth behind it happens inside.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ShopStep {
    pub(crate) depth: u8,
    pub(crate) template: u32,
    /// How many times it happens at most; at least it happens once.
    pub(crate) times_max: u8,
}

/// A step as it is written down: depth, service, role, name, how many times at most.
type Row = (u8, &'static str, Role, &'static str, u8);

/// The services with their language and how many instances they have.
const SERVICES: [(&str, &str, u64); 18] = [
    ("load-generator", "python", 1),
    ("frontend-proxy", "cpp", 2),
    ("frontend", "nodejs", 4),
    ("ad", "java", 2),
    ("cart", "dotnet", 3),
    ("checkout", "go", 3),
    ("currency", "cpp", 2),
    ("email", "ruby", 1),
    ("fraud-detection", "kotlin", 1),
    ("accounting", "dotnet", 1),
    ("image-provider", "cpp", 1),
    ("payment", "nodejs", 2),
    ("product-catalog", "go", 4),
    ("product-reviews", "python", 2),
    ("quote", "php", 1),
    ("recommendation", "python", 2),
    ("shipping", "rust", 2),
    ("flagd", "go", 1),
];

use Role::{Consumer, Database, HttpClient, HttpServer, Internal, Producer, RpcClient, RpcServer};

const INDEX: &[Row] = &[
    (0, "load-generator", Internal, "user_index", 1),
    (1, "frontend-proxy", HttpServer, "GET /", 1),
    (2, "frontend", HttpServer, "GET /", 1),
    (3, "frontend", Internal, "render route (app) /", 1),
];
const BROWSE: &[Row] = &[
    (0, "load-generator", Internal, "user_browse_product", 1),
    (1, "frontend-proxy", HttpServer, "GET /api/products/{productId}", 1),
    (2, "frontend", HttpServer, "GET /api/products/{productId}", 1),
    (3, "product-catalog", RpcServer, "oteldemo.ProductCatalogService/GetProduct", 1),
    (4, "flagd", RpcServer, "flagd.evaluation.v1.Service/ResolveBoolean", 1),
    (4, "product-catalog", Database, "SELECT products", 1),
    (3, "currency", RpcServer, "oteldemo.CurrencyService/Convert", 1),
    (3, "product-reviews", RpcServer, "oteldemo.ProductReviewService/GetProductReviews", 1),
    (4, "product-reviews", Database, "SELECT reviews", 1),
    (1, "frontend-proxy", HttpServer, "GET /images/{image}", 3),
    (2, "image-provider", HttpServer, "GET /images/{image}", 1),
];
const RECOMMENDATIONS: &[Row] = &[
    (0, "load-generator", Internal, "user_get_recommendations", 1),
    (1, "frontend-proxy", HttpServer, "GET /api/recommendations", 1),
    (2, "frontend", HttpServer, "GET /api/recommendations", 1),
    (3, "recommendation", RpcServer, "oteldemo.RecommendationService/ListRecommendations", 1),
    (4, "recommendation", Internal, "get_product_list", 1),
    (4, "flagd", RpcServer, "flagd.evaluation.v1.Service/ResolveBoolean", 1),
    (4, "product-catalog", RpcServer, "oteldemo.ProductCatalogService/ListProducts", 1),
    (5, "product-catalog", Database, "SELECT products", 1),
    (3, "product-catalog", RpcServer, "oteldemo.ProductCatalogService/GetProduct", 4),
    (4, "product-catalog", Database, "SELECT products", 1),
];
const ADS: &[Row] = &[
    (0, "load-generator", Internal, "user_get_ads", 1),
    (1, "frontend-proxy", HttpServer, "GET /api/data", 1),
    (2, "frontend", HttpServer, "GET /api/data", 1),
    (3, "ad", RpcServer, "oteldemo.AdService/GetAds", 1),
    (4, "flagd", RpcServer, "flagd.evaluation.v1.Service/ResolveBoolean", 2),
    (4, "ad", Internal, "getAdsByCategory", 2),
];
const VIEW_CART: &[Row] = &[
    (0, "load-generator", Internal, "user_view_cart", 1),
    (1, "frontend-proxy", HttpServer, "GET /api/cart", 1),
    (2, "frontend", HttpServer, "GET /api/cart", 1),
    (3, "cart", RpcServer, "oteldemo.CartService/GetCart", 1),
    (4, "cart", Database, "HGET cart", 1),
    (3, "product-catalog", RpcServer, "oteldemo.ProductCatalogService/GetProduct", 4),
    (4, "product-catalog", Database, "SELECT products", 1),
];
const ADD_TO_CART: &[Row] = &[
    (0, "load-generator", Internal, "user_add_to_cart", 1),
    (1, "frontend-proxy", HttpServer, "GET /api/products/{productId}", 1),
    (2, "frontend", HttpServer, "GET /api/products/{productId}", 1),
    (3, "product-catalog", RpcServer, "oteldemo.ProductCatalogService/GetProduct", 1),
    (4, "product-catalog", Database, "SELECT products", 1),
    (1, "frontend-proxy", HttpServer, "POST /api/cart", 1),
    (2, "frontend", HttpServer, "POST /api/cart", 1),
    (3, "cart", RpcServer, "oteldemo.CartService/AddItem", 1),
    (4, "cart", Database, "HMSET cart", 1),
    (4, "flagd", RpcServer, "flagd.evaluation.v1.Service/ResolveBoolean", 1),
    (3, "cart", RpcServer, "oteldemo.CartService/GetCart", 1),
    (4, "cart", Database, "HGET cart", 1),
];
/// What a checkout makes of the cart, behind the request for it.
const PLACE_ORDER: &[Row] = &[
    (1, "frontend-proxy", HttpServer, "POST /api/checkout", 1),
    (2, "frontend", HttpServer, "POST /api/checkout", 1),
    (3, "checkout", RpcServer, "oteldemo.CheckoutService/PlaceOrder", 1),
    (4, "checkout", Internal, "prepareOrderItemsAndShippingQuoteFromCart", 1),
    (5, "cart", RpcServer, "oteldemo.CartService/GetCart", 1),
    (6, "cart", Database, "HGET cart", 1),
    (5, "product-catalog", RpcServer, "oteldemo.ProductCatalogService/GetProduct", 2),
    (6, "product-catalog", Database, "SELECT products", 1),
    (5, "currency", RpcServer, "oteldemo.CurrencyService/Convert", 2),
    (5, "shipping", HttpServer, "POST /get-quote", 1),
    (6, "quote", HttpServer, "POST /getquote", 1),
    (7, "quote", Internal, "calculate-quote", 1),
    (4, "payment", RpcServer, "oteldemo.PaymentService/Charge", 1),
    (4, "shipping", HttpServer, "POST /ship-order", 1),
    (4, "email", HttpServer, "POST /send_order_confirmation", 1),
    (5, "email", Internal, "send_email", 1),
    (4, "cart", RpcServer, "oteldemo.CartService/EmptyCart", 1),
    (5, "cart", Database, "HMSET cart", 1),
    (4, "checkout", Producer, "orders publish", 1),
    (5, "accounting", Consumer, "orders consume", 1),
    (6, "accounting", Database, "INSERT orders", 1),
    (5, "fraud-detection", Consumer, "orders consume", 1),
    (6, "flagd", RpcServer, "flagd.evaluation.v1.Service/ResolveInt", 1),
];
const CHECKOUT: &[Row] = &[(0, "load-generator", Internal, "user_checkout_single", 1)];
const CHECKOUT_MANY: &[Row] = &[
    (0, "load-generator", Internal, "user_checkout_multi", 1),
    (1, "frontend-proxy", HttpServer, "POST /api/cart", 3),
    (2, "frontend", HttpServer, "POST /api/cart", 1),
    (3, "cart", RpcServer, "oteldemo.CartService/AddItem", 1),
];
const FLOOD: &[Row] = &[
    (0, "load-generator", Internal, "user_flood_home", 1),
    (1, "frontend-proxy", HttpServer, "GET /", 1),
];

/// The kinds of visits with their weights, as the demo's load has them.
const VISITS: [(u64, &[&[Row]]); 9] = [
    (1, &[INDEX]),
    (10, &[BROWSE]),
    (3, &[RECOMMENDATIONS]),
    (3, &[ADS]),
    (3, &[VIEW_CART]),
    (2, &[ADD_TO_CART]),
    (1, &[CHECKOUT, PLACE_ORDER]),
    (1, &[CHECKOUT_MANY, PLACE_ORDER]),
    (5, &[FLOOD]),
];

pub(super) fn world() -> World {
    let mut builder = Builder::new(0x73_686f70);
    for (name, language, instances) in SERVICES {
        builder.add_service(name.to_owned(), language, instances);
    }
    for (weight, parts) in VISITS {
        let rows = parts.iter().copied().flatten();
        let steps = rows.map(|row| ShopStep {
            depth: row.0,
            template: template(&mut builder, row),
            times_max: row.4,
        });
        let steps = steps.collect();
        builder.world.visits.push(Visit { weight, steps });
    }
    builder.world
}

/// Returns the template of a row, which other rows may have made already.
fn template(builder: &mut Builder, &(_, service, role, name, _): &Row) -> u32 {
    let service = SERVICES
        .iter()
        .position(|(known, ..)| *known == service)
        .expect("rows name services that are listed") as u32;
    let known = builder.world.templates.iter().position(|template| {
        template.service == service && template.role == role && template.name == name
    });
    if let Some(known) = known {
        return known as u32;
    }
    let pace = builder.pace(match role {
        Database => 900_000,
        _ => 300_000,
    });
    let answer = builder.add_template(service, role, name.to_owned(), pace);
    let asking = match role {
        HttpServer => HttpClient,
        RpcServer => RpcClient,
        _ => return answer,
    };
    let asking_name = name.split(' ').next().unwrap_or_default().to_owned();
    let network = builder.pace(250_000);
    let attributes = builder.add_attributes(service, asking, name);
    let asked = builder.add_template_with(service, asking, asking_name, (network, attributes));
    builder.world.templates[answer as usize].counterpart = Some(asked);
    answer
}
