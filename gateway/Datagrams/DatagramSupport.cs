using Mooring.Gateway.Transport;

namespace Mooring.Gateway.Datagrams;

/// <summary>What a kernel can do for UDP: both came with Linux 4.18 and 5.0, and a sandbox may lack them.</summary>
/// <param name="Segmentation">UDP_SEGMENT: one call and one trip through the stack for many datagrams to one peer.</param>
/// <param name="Coalescing">UDP_GRO: datagrams that arrived as one bundle are received as one.</param>
internal sealed record DatagramSupport(bool Segmentation, bool Coalescing)
{
    /// <summary>This kernel's, tried once.</summary>
    public static DatagramSupport OfKernel { get; } = new(Has(UdpOption.Segment), Has(UdpOption.Gro));

    private static unsafe bool Has(int option)
    {
        var socket = Libc.Socket(SocketFlag.Inet, 2 | SocketFlag.CloseOnExec, 0);
        if (socket < 0)
        {
            return false;
        }

        var value = 0;
        uint length = sizeof(int);
        var has = Libc.GetSocketOption(socket, UdpLevel.Udp, option, &value, &length) == 0;
        _ = Libc.Close(socket);
        return has;
    }
}
