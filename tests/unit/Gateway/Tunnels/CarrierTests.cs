using System.Net;
using System.Net.Sockets;
using Mooring.Gateway.Tests.Listeners;
using Mooring.Gateway.Transport;
using Mooring.Gateway.Tunnels.Client;
using Mooring.Testing;

namespace Mooring.Gateway.Tests.Tunnels;

/// <summary>The client's own reactor: connections as streams, and pairs of them.</summary>
public sealed class CarrierTests : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(90);
    private readonly Carrier _carrier = new();

    public void Dispose() => _carrier.Dispose();

    [Fact]
    public async Task Pair_BulkBothWays_EveryByteArrivesInOrderAndEachEndOnItsOwn()
    {
        using var data = await EndAsync();
        using var local = await EndAsync();
        _carrier.Pair(data.Stream, local.Stream);

        var up = Bytes(9 << 20, seed: 1);
        var down = Bytes(5 << 20, seed: 2);
        var sending = Task.WhenAll(SendAsync(data.Far, up), SendAsync(local.Far, down));
        var received = await Task.WhenAll(ReadToEndAsync(local.Far), ReadToEndAsync(data.Far)).WaitAsync(Patience);
        await sending.WaitAsync(Patience);

        received[0].AsSpan().SequenceEqual(up).ShouldBeTrue();
        received[1].AsSpan().SequenceEqual(down).ShouldBeTrue();
        await Until.TrueAsync(() => _carrier.Pairs == 0, Patience, "the pair is gone");
    }

    [Fact]
    public async Task Pair_OneDirectionEnded_TheOtherGoesOn()
    {
        using var data = await EndAsync();
        using var local = await EndAsync();
        _carrier.Pair(data.Stream, local.Stream);

        data.Far.Shutdown(SocketShutdown.Send);
        (await ReadToEndAsync(local.Far).WaitAsync(Patience)).ShouldBeEmpty();
        await SendAsync(local.Far, Bytes(100, seed: 3));

        (await ReadToEndAsync(data.Far).WaitAsync(Patience)).ShouldBe(Bytes(100, seed: 3));
    }

    [Fact]
    public async Task Pair_WhatCameBefore_IsNotLost()
    {
        using var data = await EndAsync();
        using var local = await EndAsync();
        await SendAsync(data.Far, Bytes(300, seed: 4));
        _carrier.Pair(data.Stream, local.Stream);

        (await ReadToEndAsync(local.Far).WaitAsync(Patience)).ShouldBe(Bytes(300, seed: 4));
    }

    [Fact]
    public async Task Pair_OneEndReset_TheOtherIsReset()
    {
        using var data = await EndAsync();
        using var local = await EndAsync();
        _carrier.Pair(data.Stream, local.Stream);

        local.Far.Close(0);

        var reset = await Should.ThrowAsync<SocketException>(() => data.Far.ReceiveAsync(new byte[1]).WaitAsync(Patience));
        reset.SocketErrorCode.ShouldBe(SocketError.ConnectionReset);
        await Until.TrueAsync(() => _carrier.Pairs == 0, Patience, "the pair is gone");
    }

    [Fact]
    public async Task Pair_LocalAnswersAndReadsNoFurther_TheAnswerArrives()
    {
        using var data = await EndAsync();
        using var local = await EndAsync();
        _carrier.Pair(data.Stream, local.Stream);
        await data.Far.SendAsync(new byte[2]);
        (await local.Far.ReceiveAsync(new byte[1]).WaitAsync(Patience)).ShouldBe(1);
        using (await HeldLoop.BeginAsync(_carrier))
        {
            // Read before the local end is looked at, it cannot be written any more.
            await data.Far.SendAsync(new byte[1]);
            await local.Far.SendAsync("too much"u8.ToArray());
            // With a byte unread: RST is right behind the answer.
            local.Far.Dispose();
        }

        (await TcpRelayTests.ReadWhatComesAsync(data.Far)).ShouldBe("too much"u8.ToArray());
        await Until.TrueAsync(() => _carrier.Pairs == 0, Patience, "the pair is gone");
    }

    [Fact]
    public async Task Stream_ReadsAndWrites()
    {
        using var end = await EndAsync();
        await end.Stream.WriteAsync(Bytes(1000, seed: 5));
        end.Far.Send(Bytes(10, seed: 6));
        var read = new byte[20];

        (await end.Stream.ReadAsync(read).AsTask().WaitAsync(Patience)).ShouldBe(10);
        read[..10].ShouldBe(Bytes(10, seed: 6));
        var sent = new byte[1000];
        for (var have = 0; have < sent.Length; )
        {
            have += await end.Far.ReceiveAsync(sent.AsMemory(have)).AsTask().WaitAsync(Patience);
        }

        sent.ShouldBe(Bytes(1000, seed: 5));
    }

    [Fact]
    public async Task Stream_Disposed_ItsReaderIsToldAndTheOtherEndSeesTheEnd()
    {
        using var end = await EndAsync();
        var reading = end.Stream.ReadAsync(new byte[1]).AsTask();

        await end.Stream.DisposeAsync();

        await Should.ThrowAsync<ObjectDisposedException>(() => reading.WaitAsync(Patience));
        (await end.Far.ReceiveAsync(new byte[1]).WaitAsync(Patience)).ShouldBe(0);
    }

    [Fact]
    public async Task Connect_Socket_FindsAnOtherEndThatIsGoneWithoutAWord()
    {
        using var end = await EndAsync();

        Option(SocketLevel.Socket, SocketOption.KeepAlive).ShouldBe(1);
        Option(SocketLevel.Tcp, SocketOption.TcpKeepIdle).ShouldBe(120);
        Option(SocketLevel.Tcp, SocketOption.TcpKeepInterval).ShouldBe(30);
        Option(SocketLevel.Tcp, SocketOption.TcpKeepCount).ShouldBe(4);

        unsafe int Option(int level, int name)
        {
            var value = -1;
            uint length = sizeof(int);
            Libc.GetSocketOption(end.Stream.Descriptor, level, name, &value, &length).ShouldBe(0);
            return value;
        }
    }

    [Fact]
    public async Task Connect_NobodyListens_NamesThePlace()
    {
        using var free = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        free.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        var port = ((IPEndPoint)free.LocalEndPoint!).Port;

        var error = await Should.ThrowAsync<IOException>(() =>
            new Dialler("127.0.0.1", port).ConnectAsync(_carrier.ConnectAsync, CancellationToken.None).WaitAsync(Patience)
        );

        error.Message.ShouldBe($"127.0.0.1:{port}: Connection refused");
    }

    private static byte[] Bytes(int count, int seed)
    {
        var bytes = new byte[count];
        new Random(seed).NextBytes(bytes);
        return bytes;
    }

    /// <summary>Sends all, and then the end.</summary>
    private static async Task SendAsync(Socket socket, byte[] bytes)
    {
        for (var sent = 0; sent < bytes.Length; )
        {
            sent += await socket.SendAsync(bytes.AsMemory(sent));
        }

        socket.Shutdown(SocketShutdown.Send);
    }

    private static async Task<byte[]> ReadToEndAsync(Socket socket)
    {
        using var all = new MemoryStream();
        var buffer = new byte[65_536];
        while (await socket.ReceiveAsync(buffer) is > 0 and var count)
        {
            all.Write(buffer, 0, count);
        }

        return all.ToArray();
    }

    private async Task<End> EndAsync()
    {
        using var listener = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        listener.Listen();
        var port = ((IPEndPoint)listener.LocalEndPoint!).Port;
        var stream = await _carrier.ConnectAsync(IPAddress.Loopback, port, CancellationToken.None).WaitAsync(Patience);
        return new End(stream, await listener.AcceptAsync().WaitAsync(Patience));
    }

    private sealed record End(CarrierStream Stream, Socket Far) : IDisposable
    {
        public void Dispose()
        {
            Stream.Dispose();
            Far.Dispose();
        }
    }
}
