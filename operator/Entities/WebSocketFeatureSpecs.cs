using Mooring.Operator.Entities.Attributes;

namespace Mooring.Operator.Entities;

[Description("Finds clients that are gone without a word: one that is silent is sent a ping, and closed (1001) when nothing comes back.")]
public sealed record WebSocketPingSpec
{
    [Description("Silence after which a client is sent a ping: 1s to 24h. Default 30s.")]
    [Length(2, Patterns.DurationLength), Pattern(Patterns.Duration, Patterns.DurationMeaning)]
    [ValidationRule("duration(self) >= duration('1s') && duration(self) <= duration('24h')", "must be 1s to 24h")]
    public string? Interval { get; set; }

    [Description("Silence after a ping that ends the connection: 1s to 1h. Default 10s.")]
    [Length(2, Patterns.DurationLength), Pattern(Patterns.Duration, Patterns.DurationMeaning)]
    [ValidationRule("duration(self) >= duration('1s') && duration(self) <= duration('1h')", "must be 1s to 1h")]
    public string? Timeout { get; set; }
}

[Description(
    "How fast each gateway lets new WebSockets in. Clients ignore hints to wait, so a storm of them is held: each handshake is answered in its turn."
)]
public sealed record WebSocketUpgradesSpec
{
    [Description("New WebSockets per second on one gateway: 1 to 1000000.")]
    [Required, RangeMinimum(1), RangeMaximum(1_000_000)]
    public int PerSecond { get; set; }

    [Description("How many pass at once after a quiet time: 1 to 1000000. Left out: as many as in a tenth of a second.")]
    [RangeMinimum(1), RangeMaximum(1_000_000)]
    public int? Burst { get; set; }

    [Description(
        "How long a handshake is held at most; who would wait longer is answered 503. At most 3900ms, since clients give up soon after. Default 3s."
    )]
    [Length(2, Patterns.DurationLength), Pattern(Patterns.Duration, Patterns.DurationMeaning)]
    [ValidationRule("duration(self) <= duration('3900ms')", "must be at most 3900ms")]
    public string? Hold { get; set; }
}

[Description("Where a request says something.")]
public sealed record RequestValueSpec
{
    [Description(
        "Header: a field of the request. Query: a parameter of its query. Cookie: a cookie. JwtClaim: a claim of the JWT in 'Authorization: Bearer' or the "
            + "query's access_token, which is read and not verified: that is the backend's to do."
    )]
    [Required, AllowedValues("Header", "Query", "Cookie", "JwtClaim")]
    public string From { get; set; } = "";

    [Description("Name of the header, parameter, cookie or claim.")]
    [Required, Length(1, 64), Pattern(Patterns.HttpToken, Patterns.HttpTokenMeaning)]
    public string Name { get; set; } = "";
}

[Description(
    "Who a client is, for gateway.capacity.perUser and perDevice. A request that does not say is not limited so. A place is taken for the length of the "
        + "handshake too, so what clients can make up themselves should be made sure of in front of the gateway."
)]
public sealed record WebSocketIdentitySpec
{
    [Description("The user. Left out: users are not told apart.")]
    public RequestValueSpec? User { get; set; }

    [Description("The device. Left out: devices are not told apart.")]
    public RequestValueSpec? Device { get; set; }
}
