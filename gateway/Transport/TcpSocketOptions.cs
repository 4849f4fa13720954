namespace Mooring.Gateway.Transport;

/// <summary>Options of TCP sockets that a config sets. Immutable.</summary>
/// <param name="KeepAlive">Null: no probes.</param>
/// <param name="UserTimeoutMilliseconds"><c>TCP_USER_TIMEOUT</c> (tcp(7), RFC 5482); 0: the kernel's own.</param>
internal sealed record TcpSocketOptions(KeepAliveOptions? KeepAlive, int UserTimeoutMilliseconds)
{
    /// <summary>Sets them on a socket; on a listening one for all that it accepts from now on, which inherit them on Linux.</summary>
    public void Apply(int socket)
    {
        Libc.SetOption(socket, SocketLevel.Socket, SocketOption.KeepAlive, KeepAlive is null ? 0 : 1);
        if (KeepAlive is { } keep)
        {
            Libc.SetOption(socket, SocketLevel.Tcp, SocketOption.TcpKeepIdle, keep.IdleSeconds);
            Libc.SetOption(socket, SocketLevel.Tcp, SocketOption.TcpKeepInterval, keep.IntervalSeconds);
            Libc.SetOption(socket, SocketLevel.Tcp, SocketOption.TcpKeepCount, keep.Probes);
        }

        Libc.SetOption(socket, SocketLevel.Tcp, SocketOption.TcpUserTimeout, UserTimeoutMilliseconds);
    }
}

internal sealed record KeepAliveOptions(int IdleSeconds, int IntervalSeconds, int Probes);
