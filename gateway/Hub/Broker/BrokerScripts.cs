using Mooring.Gateway.Hub.Resp;

namespace Mooring.Gateway.Hub.Broker;

/// <summary>The Lua scripts of <c>Scripts/</c>: each is one step that Redis does as a whole.</summary>
internal static class BrokerScripts
{
    public static readonly RespScript Publish = RespScript.Embedded("publish");
    public static readonly RespScript History = RespScript.Embedded("history");
    public static readonly RespScript Renew = RespScript.Embedded("renew");
    public static readonly RespScript AddPresence = RespScript.Embedded("presence-common", "presence-add");
    public static readonly RespScript RemovePresence = RespScript.Embedded("presence-common", "presence-remove");
    public static readonly RespScript Presence = RespScript.Embedded("presence-common", "presence");

    /// <summary>All of these, for servers to know them before they are called.</summary>
    public static IReadOnlyList<RespScript> All => [Publish, History, Renew, AddPresence, RemovePresence, Presence];
}
