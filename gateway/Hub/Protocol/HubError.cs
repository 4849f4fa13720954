namespace Mooring.Gateway.Hub.Protocol;

/// <summary>An error reply: the command failed, the connection goes on. Codes are Centrifugo's.</summary>
/// <param name="Code">100 to 399 from here; an RPC backend may answer with 400 to 1999.</param>
/// <param name="Message">For people.</param>
/// <param name="Temporary">Trying again may help: clients do.</param>
internal sealed record HubError(uint Code, string Message, bool Temporary = false)
{
    public static readonly HubError Internal = new(100, "internal server error", Temporary: true);
    public static readonly HubError Unauthorized = new(101, "unauthorized");
    public static readonly HubError UnknownChannel = new(102, "unknown channel");
    public static readonly HubError PermissionDenied = new(103, "permission denied");
    public static readonly HubError MethodNotFound = new(104, "method not found");
    public static readonly HubError AlreadySubscribed = new(105, "already subscribed");
    public static readonly HubError LimitExceeded = new(106, "limit exceeded");
    public static readonly HubError BadRequest = new(107, "bad request");
    public static readonly HubError NotAvailable = new(108, "not available");
    public static readonly HubError TokenExpired = new(109, "token expired");
    public static readonly HubError Expired = new(110, "expired");
    public static readonly HubError TooManyRequests = new(111, "too many requests", Temporary: true);
    public static readonly HubError UnrecoverablePosition = new(112, "unrecoverable position");
}
