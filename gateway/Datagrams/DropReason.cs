namespace Mooring.Gateway.Datagrams;

/// <summary>Why a datagram was not passed on.</summary>
internal enum DropReason
{
    /// <summary>Of a client without a flow, which got none: <see cref="Limits.RefusalReason"/> says why.</summary>
    Refused,

    /// <summary>Longer than the room for it: cut off by the kernel, and so not the datagram that was sent.</summary>
    Truncated,

    /// <summary>The way on is full: the socket's send buffer, or the device's queue.</summary>
    SendBuffer,

    /// <summary>Longer than the way on takes.</summary>
    TooLarge,

    /// <summary>The endpoint is gone (ICMP unreachable), and no other took the flow.</summary>
    Unreachable,

    /// <summary>Any other refusal of the kernel.</summary>
    Failed,

    /// <summary>The listening socket's receive buffer was full. Counted by the kernel.</summary>
    ReceiveBuffer,
}

internal static class DropReasons
{
    public static readonly int Count = Enum.GetValues<DropReason>().Length;

    /// <summary>As reports and metrics name it.</summary>
    public static string Name(DropReason reason) =>
        reason switch
        {
            DropReason.Refused => "refused",
            DropReason.Truncated => "truncated",
            DropReason.SendBuffer => "send_buffer",
            DropReason.TooLarge => "too_large",
            DropReason.Unreachable => "unreachable",
            DropReason.Failed => "failed",
            DropReason.ReceiveBuffer => "receive_buffer",
            _ => throw new ArgumentOutOfRangeException(nameof(reason), reason, null),
        };

    /// <summary>What a failed send means for the datagram.</summary>
    public static DropReason OfSend(int error) =>
        error switch
        {
            Transport.Errno.EAGAIN or Transport.Errno.ENOBUFS or Transport.Errno.ENOMEM => DropReason.SendBuffer,
            UdpErrno.EMSGSIZE => DropReason.TooLarge,
            _ when UdpErrno.IsUnreachable(error) => DropReason.Unreachable,
            _ => DropReason.Failed,
        };
}
