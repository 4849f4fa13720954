namespace Mooring.Gateway.Transport;

/// <summary>Where a TCP socket stands, by the kernel's numbers (tcp_states.h).</summary>
internal static unsafe class TcpState
{
    public const byte Established = 1;

    /// <summary>Reset, or never connected.</summary>
    public const byte Closed = 7;

    /// <summary>The other end has ended its sending side.</summary>
    public const byte CloseWait = 8;

    /// <summary>The state of a socket; 0 when it has none.</summary>
    public static byte Of(int socket)
    {
        // The first byte of struct tcp_info; the kernel copies no more than there is room for.
        byte state = 0;
        uint length = 1;
        return Libc.GetSocketOption(socket, SocketLevel.Tcp, SocketOption.TcpInfo, &state, &length) == 0 ? state : (byte)0;
    }
}
