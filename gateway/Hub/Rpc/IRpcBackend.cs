using Mooring.Gateway.Hub.Protocol;

namespace Mooring.Gateway.Hub.Rpc;

/// <summary>Who answers clients' RPCs. Thread-safe, and does not throw for what may happen to a backend.</summary>
internal interface IRpcBackend
{
    ValueTask<RpcResult> CallAsync(RpcCall call);
}

/// <param name="Client">The connection's id.</param>
/// <param name="User">Its user; empty: anonymous.</param>
/// <param name="Method">As the client named it.</param>
/// <param name="Data">As the client sent it; may be empty.</param>
/// <param name="IsJson">The data is JSON, and so must the answer's be.</param>
internal sealed record RpcCall(string Client, string User, string Method, byte[] Data, bool IsJson);

/// <summary>One of the three.</summary>
internal readonly record struct RpcResult(ReadOnlyMemory<byte> Data, HubError? Error = null, HubDisconnect? Disconnect = null);
