namespace Mooring.Gateway.Hub.Protocol;

/// <summary>What others are shown of a connection.</summary>
/// <param name="User">Empty: anonymous.</param>
/// <param name="Client">The connection's id.</param>
/// <param name="ConnInfo">JSON from its token; empty: none.</param>
/// <param name="ChanInfo">JSON from its subscription's token; empty: none.</param>
internal sealed record ClientInfo(string User, string Client, ReadOnlyMemory<byte> ConnInfo, ReadOnlyMemory<byte> ChanInfo);
