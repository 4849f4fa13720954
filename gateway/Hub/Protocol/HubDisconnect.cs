namespace Mooring.Gateway.Hub.Protocol;

/// <summary>The end of a connection, as its close frame says it. Codes are Centrifugo's: clients come again after 3000–3499 and 4000–4499.</summary>
/// <param name="Code">3000 to 4999.</param>
/// <param name="Reason">Plain text of at most 123 bytes, never JSON: centrifuge-js takes a reason that parses as JSON for a terminal order.</param>
internal sealed record HubDisconnect(int Code, string Reason)
{
    public static readonly HubDisconnect Shutdown = new(3001, "shutdown");
    public static readonly HubDisconnect ServerError = new(3004, "internal server error");
    public static readonly HubDisconnect Expired = new(3005, "connection expired");
    public static readonly HubDisconnect SubscriptionExpired = new(3006, "subscription expired");
    public static readonly HubDisconnect Slow = new(3008, "slow");
    public static readonly HubDisconnect InsufficientState = new(3010, "insufficient state");
    public static readonly HubDisconnect ForceReconnect = new(3011, "force reconnect");
    public static readonly HubDisconnect NoPong = new(3012, "no pong");
    public static readonly HubDisconnect TooManyRequests = new(3013, "too many requests");
    public static readonly HubDisconnect InvalidToken = new(3500, "invalid token");
    public static readonly HubDisconnect BadRequest = new(3501, "bad request");
    public static readonly HubDisconnect Stale = new(3502, "stale");
    public static readonly HubDisconnect ForceNoReconnect = new(3503, "force disconnect");
    public static readonly HubDisconnect ConnectionLimit = new(3504, "connection limit");
    public static readonly HubDisconnect ChannelLimit = new(3505, "channel limit");
    public static readonly HubDisconnect InappropriateProtocol = new(3506, "inappropriate protocol");
    public static readonly HubDisconnect PermissionDenied = new(3507, "permission denied");
    public static readonly HubDisconnect NotAvailable = new(3508, "not available");
}

/// <summary>Codes of an unsubscribe push: clients subscribe again from 2500 on.</summary>
internal static class HubUnsubscribe
{
    public const uint Server = 2000;
    public const uint Insufficient = 2500;
    public const uint Expired = 2501;
}
