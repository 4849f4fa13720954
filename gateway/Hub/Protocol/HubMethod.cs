namespace Mooring.Gateway.Hub.Protocol;

/// <summary>What a command asks for. Values are the fields of Command in the protobuf schema.</summary>
internal enum HubMethod : byte
{
    /// <summary>No method: a pong.</summary>
    None = 0,
    Connect = 4,
    Subscribe = 5,
    Unsubscribe = 6,
    Publish = 7,
    Presence = 8,
    PresenceStats = 9,
    History = 10,
    Ping = 11,
    Send = 12,
    Rpc = 13,
    Refresh = 14,
    SubRefresh = 15,
}
