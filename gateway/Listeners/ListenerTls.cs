using Mooring.Gateway.Transport.Tls;

namespace Mooring.Gateway.Listeners;

/// <summary>What a listener with TLS does at present. Immutable.</summary>
/// <param name="Server">Of a listener that terminates TLS.</param>
/// <param name="Routes">Of one that passes it through: names of backends by server name.</param>
/// <param name="HandshakeTicks">In ticks of <see cref="Transport.TimerWheel"/>.</param>
internal sealed record ListenerTls(TlsServer? Server, ServerNameMap<string>? Routes, uint HandshakeTicks);
