using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using Mooring.Gateway.Tests.Listeners;

namespace Mooring.Gateway.Tests.Handover;

/// <summary>A UDP client that has a few datagrams under way all the time, and wants every answer, in order.</summary>
internal sealed class FlowChatter : IDisposable
{
    private const int Window = 4;

    private readonly Socket _socket = new(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
    private readonly CancellationTokenSource _end = new();
    private readonly Task _chatting;
    private int _answered;

    public FlowChatter(int port)
    {
        _socket.Connect(IPAddress.Loopback, port);
        _chatting = Task.Run(ChatAsync);
    }

    /// <summary>Answers so far, each the next of all that was asked.</summary>
    public int Answered => Volatile.Read(ref _answered);

    /// <summary>Asks no more, and waits for what is under way.</summary>
    public async Task EndAsync()
    {
        await _end.CancelAsync();
        await _chatting;
    }

    public void Dispose()
    {
        _socket.Dispose();
        _end.Dispose();
    }

    private async Task ChatAsync()
    {
        var buffer = new byte[100];
        for (int sent = 0, received = 0; received < sent || !_end.IsCancellationRequested; )
        {
            while (sent - received < Window && !_end.IsCancellationRequested)
            {
                var data = new byte[8 + (sent % 50)];
                BinaryPrimitives.WriteInt32LittleEndian(data, sent++);
                await _socket.SendAsync(data, SocketFlags.None);
            }

            using var limit = new CancellationTokenSource(EngineHarness.Patience);
            var length = await _socket.ReceiveAsync(buffer, SocketFlags.None, limit.Token);
            BinaryPrimitives.ReadInt32LittleEndian(buffer).ShouldBe(received);
            length.ShouldBe(8 + (received % 50));
            Volatile.Write(ref _answered, ++received);
        }
    }
}
