namespace Mooring.Gateway.Transport;

/// <summary>Keepalive of one socket as it is.</summary>
internal readonly record struct KeepAliveState(bool IsOn, int IdleSeconds, int IntervalSeconds, int Probes)
{
    public static KeepAliveState Read(int socket) =>
        new(
            Libc.GetOption(socket, SocketLevel.Socket, SocketOption.KeepAlive) > 0,
            Libc.GetOption(socket, SocketLevel.Tcp, SocketOption.TcpKeepIdle),
            Libc.GetOption(socket, SocketLevel.Tcp, SocketOption.TcpKeepInterval),
            Libc.GetOption(socket, SocketLevel.Tcp, SocketOption.TcpKeepCount)
        );

    /// <summary>The same, switched on and nowhere slower than <paramref name="other"/>.</summary>
    public KeepAliveState NoSlowerThan(KeepAliveOptions other) =>
        new(
            true,
            Math.Min(IdleSeconds, other.IdleSeconds),
            Math.Min(IntervalSeconds, other.IntervalSeconds),
            Math.Min(Probes, other.Probes)
        );

    public void Apply(int socket)
    {
        // Switched on last: its timer begins with these. Where it is on, the kernel counts the time that is over already.
        Libc.SetOption(socket, SocketLevel.Tcp, SocketOption.TcpKeepIdle, IdleSeconds);
        Libc.SetOption(socket, SocketLevel.Tcp, SocketOption.TcpKeepInterval, IntervalSeconds);
        Libc.SetOption(socket, SocketLevel.Tcp, SocketOption.TcpKeepCount, Probes);
        Libc.SetOption(socket, SocketLevel.Socket, SocketOption.KeepAlive, IsOn ? 1 : 0);
    }
}
