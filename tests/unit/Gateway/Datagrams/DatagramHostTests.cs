using System.Net;
using System.Net.Sockets;
using Mooring.Gateway.Datagrams;

namespace Mooring.Gateway.Tests.Datagrams;

/// <summary>The sockets of UDP ports, as they come and go.</summary>
public sealed class DatagramHostTests
{
    [Fact]
    public void ReceiveDrops_OfASocketThatComesAndGoes_AreThoseOfItsTimeHereAndStay()
    {
        // Made by another process, and full before it came.
        var made = DatagramSocket.Bind(IPAddress.Loopback, 0, 1, coalesces: false)[0];
        Fill(made.Port);
        made.ReceiveDrops.ShouldBeGreaterThan(0);
        using var host = new DatagramHost(IPAddress.Loopback, bindsItself: false, loops: 1, new DatagramSupport(false, false));

        host.Adopt([made.Descriptor]);
        host.ReceiveDrops(made.Port).ShouldBe(0);

        Fill(made.Port);
        var dropped = host.ReceiveDrops(made.Port);
        dropped.ShouldBeGreaterThan(0);

        // Another process gets it.
        host.Adopt([]);
        host.ReceiveDrops(made.Port).ShouldBe(dropped);
        host.CloseUnused(new HashSet<int>());
        host.ReceiveDrops(made.Port).ShouldBe(dropped);
    }

    [Fact]
    public void Inherit_SocketOfAnotherAddress_IsNotTaken()
    {
        var support = new DatagramSupport(false, false);
        var (here, there) = (IPAddress.Loopback, IPAddress.Parse("127.0.0.2"));
        var mine = DatagramSocket.Bind(here, 0, 1, coalesces: false)[0];
        var other = DatagramSocket.Bind(there, 0, 1, coalesces: false)[0];
        using var host = new DatagramHost(here, bindsItself: true, loops: 1, support);

        host.Inherit([mine.Descriptor, other.Descriptor]).ShouldBe(1);

        host[mine.Port].Count.ShouldBe(1);
        host[other.Port].ShouldBeEmpty("this gateway binds the port at its own address");
    }

    /// <summary>More than any receive buffer that the kernel gives here.</summary>
    private static void Fill(int port)
    {
        using var sender = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        sender.Connect(new IPEndPoint(IPAddress.Loopback, port));
        var datagram = new byte[32 * 1024];
        for (var i = 0; i < 1000; i++)
        {
            sender.Send(datagram);
        }
    }
}
