using Mooring.Contracts.Stream;

namespace Mooring.Operator.Gateways;

/// <summary>Decides whether the peer of a stream is the gateway that it says it is.</summary>
public interface IGatewayAuthenticator
{
    /// <summary>Returns null to let the gateway in, or why not, for the log and the peer's close frame (at most 123 bytes).</summary>
    /// <param name="context">The upgrade request: its headers, and the socket it came by.</param>
    /// <param name="hello">The peer's claim; already checked for form.</param>
    /// <param name="cancellation">Ends with the handshake's time.</param>
    ValueTask<string?> RefuseAsync(HttpContext context, HelloMessage hello, CancellationToken cancellation);
}
