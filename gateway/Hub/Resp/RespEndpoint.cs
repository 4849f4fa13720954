using System.Net;
using System.Net.Sockets;

namespace Mooring.Gateway.Hub.Resp;

/// <summary>Where a server listens: a host and port, or a Unix socket.</summary>
/// <param name="Host">Name or address; a Unix socket's absolute path.</param>
/// <param name="Port">1 to 65,535; 0: <paramref name="Host"/> is a path.</param>
internal sealed record RespEndpoint(string Host, int Port)
{
    public bool IsUnix => Port == 0;

    public EndPoint ToEndPoint() => IsUnix ? new UnixDomainSocketEndPoint(Host) : new DnsEndPoint(Host, Port);

    public override string ToString() =>
        IsUnix ? $"unix:{Host}"
        : Host.Contains(':', StringComparison.Ordinal) ? $"[{Host}]:{Port}"
        : $"{Host}:{Port}";
}
