using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Text;
using Mooring.Contracts.Configuration;
using Mooring.Contracts.Handover;

namespace Mooring.Operator.Tests.Handover;

public sealed class HandoverTests : IDisposable
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);
    private readonly CancellationTokenSource _deadline = new(Limit);
    private readonly Socket _owner;
    private readonly Socket _worker;

    public HandoverTests()
    {
        var path = Path.Combine(Path.GetTempPath(), $"mooring-{Guid.NewGuid():N}.sock");
        using var server = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        server.Bind(new UnixDomainSocketEndPoint(path));
        server.Listen();
        _worker = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        _worker.Connect(new UnixDomainSocketEndPoint(path));
        _owner = server.Accept();
        File.Delete(path);
    }

    public void Dispose()
    {
        _owner.Dispose();
        _worker.Dispose();
        _deadline.Dispose();
    }

    [Fact]
    public async Task ReceiveAsync_ListeningSocket_AcceptsAfterTheOwnerClosedItsOwn()
    {
        using var listener = Listen();
        var port = ((IPEndPoint)listener.LocalEndPoint!).Port;
        await HandoverSender.SendAsync(_owner, Message(port), [listener.SafeHandle], _deadline.Token);
        using var set = await new HandoverReceiver(_worker).ReceiveAsync(_deadline.Token);
        listener.Dispose();

        set.ShouldNotBeNull();
        set.Message.Sequence.ShouldBe(7);
        set.Message.Listeners.ShouldBe([
            new HandoverListener
            {
                Name = "l0",
                Protocol = ListenerProtocol.TCP,
                Address = "127.0.0.1",
                Port = port,
            },
        ]);
        using var accepting = new Socket(new SafeSocketHandle(set.Sockets[0].Release(), ownsHandle: true));
        using var client = new TcpClient();
        await client.ConnectAsync(IPAddress.Loopback, port, _deadline.Token);
        using var accepted = await accepting.AcceptAsync(_deadline.Token);
        await accepted.SendAsync("hi"u8.ToArray(), _deadline.Token);
        var buffer = new byte[2];
        await client.GetStream().ReadExactlyAsync(buffer, _deadline.Token);
        Encoding.UTF8.GetString(buffer).ShouldBe("hi");
    }

    [Fact]
    public async Task ReceiveAsync_ManyMessagesAndDescriptors_ComeWholeAndInOrder()
    {
        using var listener = Listen();
        var receiver = new HandoverReceiver(_worker);
        foreach (var count in new[] { 0, 1, HandoverLimits.MaxDescriptors, 0, 3 })
        {
            var send = HandoverSender.SendAsync(
                _owner,
                Message([.. Enumerable.Repeat(1234, count)]),
                [.. Enumerable.Repeat<SafeHandle>(listener.SafeHandle, count)],
                _deadline.Token
            );
            using var set = await receiver.ReceiveAsync(_deadline.Token);
            await send;
            set.ShouldNotBeNull().Sockets.Count.ShouldBe(count);
            set.Sockets.Select(static socket => socket.Descriptor).Distinct().Count().ShouldBe(count);
        }

        Sharing(listener).ShouldBe(1);
    }

    [Fact]
    public async Task ReceiveAsync_Descriptor_IsClosedOnExec()
    {
        using var listener = Listen();
        await HandoverSender.SendAsync(_owner, Message(1), [listener.SafeHandle], _deadline.Token);
        using var set = await new HandoverReceiver(_worker).ReceiveAsync(_deadline.Token);
        var info = await File.ReadAllTextAsync($"/proc/self/fdinfo/{set.ShouldNotBeNull().Sockets[0].Descriptor}", _deadline.Token);
        var flags = info.Split('\n').Single(static line => line.StartsWith("flags:", StringComparison.Ordinal)).Split('\t')[1];
        (Convert.ToInt32(flags, 8) & 0x80000).ShouldBe(0x80000, "O_CLOEXEC");
    }

    [Fact]
    public async Task ReceiveAsync_OwnerGone_ReturnsNull()
    {
        var receive = new HandoverReceiver(_worker).ReceiveAsync(_deadline.Token);
        _owner.Dispose();
        (await receive).ShouldBeNull();
    }

    [Fact]
    public async Task ReceiveAsync_Cancelled_EndsTheWait()
    {
        using var cancel = new CancellationTokenSource();
        var receive = new HandoverReceiver(_worker).ReceiveAsync(cancel.Token);
        await cancel.CancelAsync();
        await Should.ThrowAsync<OperationCanceledException>(receive);
    }

    [Theory]
    [InlineData(HandoverLimits.MaxDescriptors + 1)]
    [InlineData(600)]
    public async Task SendAsync_MoreThanOneMessageTakes_ComesAsOneSet(int count)
    {
        using var listener = Listen();
        var send = HandoverSender.SendAsync(
            _owner,
            Message([.. Enumerable.Range(1, count)]),
            [.. Enumerable.Repeat<SafeHandle>(listener.SafeHandle, count)],
            _deadline.Token
        );
        using (var set = await new HandoverReceiver(_worker).ReceiveAsync(_deadline.Token))
        {
            await send;
            set.ShouldNotBeNull().Sockets.Count.ShouldBe(count);
            set.Message.Listeners.Select(static l => l.Port).ShouldBe(Enumerable.Range(1, count));
            set.Message.More.ShouldBeFalse();
            Sharing(listener).ShouldBe(1 + count);
        }

        Sharing(listener).ShouldBe(1);
    }

    [Fact]
    public async Task SendAsync_TooManyListeners_IsRefusedBeforeAnythingIsSent()
    {
        using var listener = Listen();
        const int Count = HandoverLimits.MaxListeners + 1;
        var error = await Should.ThrowAsync<ArgumentException>(
            HandoverSender.SendAsync(
                _owner,
                Message([.. Enumerable.Repeat(1, Count)]),
                [.. Enumerable.Repeat<SafeHandle>(listener.SafeHandle, Count)],
                _deadline.Token
            )
        );
        error.Message.ShouldContain("4097 listeners; one set takes 4096");
        _worker.Available.ShouldBe(0);
    }

    [Fact]
    public async Task ReceiveAsync_EndBetweenTheMessagesOfASet_IsAnErrorThatLeaksNothing()
    {
        using var listener = Listen();
        await HandoverSender.SendAsync(_owner, Message(1, 2), [listener.SafeHandle, listener.SafeHandle], _deadline.Token);
        var part = """{"sequence":7,"listeners":[{"name":"a","protocol":"TCP","address":"::","port":1}],"more":true}"""u8.ToArray();
        await DescriptorWriter.SendAsync(_owner, part, [listener.SafeHandle], _deadline.Token);
        _owner.Dispose();
        var receiver = new HandoverReceiver(_worker);
        (await receiver.ReceiveAsync(_deadline.Token)).ShouldNotBeNull().Dispose();
        (await Should.ThrowAsync<IOException>(receiver.ReceiveAsync(_deadline.Token))).Message.ShouldContain("within a set");
        Sharing(listener).ShouldBe(1);
    }

    [Fact]
    public async Task SendAsync_CountsDiffer_IsRefused() =>
        (
            await Should.ThrowAsync<ArgumentException>(HandoverSender.SendAsync(_owner, Message(1, 2), [], _deadline.Token))
        ).Message.ShouldContain("0 descriptors for 2 listeners");

    [Fact]
    public async Task ReceiveAsync_ControlDataCutOff_IsAnErrorThatLeaksNothing()
    {
        using var listener = Listen();
        await HandoverSender.SendAsync(
            _owner,
            Message(1, 2, 3, 4, 5, 6),
            [.. Enumerable.Repeat<SafeHandle>(listener.SafeHandle, 6)],
            _deadline.Token
        );
        var error = await Should.ThrowAsync<InvalidDataException>(
            new HandoverReceiver(_worker, maxDescriptors: 2).ReceiveAsync(_deadline.Token)
        );
        error.Message.ShouldContain("more than 2");
        Sharing(listener).ShouldBe(1);
    }

    [Theory]
    [InlineData("nonsense", "handover message")]
    [InlineData("null", "null")]
    [InlineData("""{"sequence":1,"listeners":null}""", "'listeners'")]
    [InlineData("""{"sequence":1,"listeners":[null]}""", "listeners[0] is null")]
    [InlineData("""{"sequence":1,"listeners":[{"name":"","protocol":"TCP","address":"::","port":1}]}""", "listeners[0].name")]
    [InlineData("""{"sequence":1,"listeners":[{"name":"a","protocol":"TCP","address":"::","port":70000}]}""", "listeners[0].port 70000")]
    [InlineData(
        """{"sequence":1,"listeners":[{"name":"a","protocol":"TCP","address":"::","port":1}]}""",
        "1 listeners came with 0 descriptors"
    )]
    public async Task ReceiveAsync_BadMessage_NamesTheField(string json, string expected)
    {
        var bytes = new byte[4 + json.Length];
        BinaryPrimitives.WriteInt32LittleEndian(bytes, json.Length);
        Encoding.UTF8.GetBytes(json, bytes.AsSpan(4));
        await _owner.SendAsync(bytes, _deadline.Token);
        (await Should.ThrowAsync<InvalidDataException>(new HandoverReceiver(_worker).ReceiveAsync(_deadline.Token))).Message.ShouldContain(
            expected
        );
    }

    [Theory]
    [InlineData(0)]
    [InlineData(-1)]
    [InlineData(HandoverLimits.MaxMessageBytes + 1)]
    public async Task ReceiveAsync_BadLength_IsRefusedUnread(int length)
    {
        var bytes = new byte[4];
        BinaryPrimitives.WriteInt32LittleEndian(bytes, length);
        await _owner.SendAsync(bytes, _deadline.Token);
        (await Should.ThrowAsync<InvalidDataException>(new HandoverReceiver(_worker).ReceiveAsync(_deadline.Token))).Message.ShouldContain(
            $"length {length} "
        );
    }

    [Fact]
    public async Task ReceiveAsync_EndWithinAMessage_IsAnError()
    {
        await _owner.SendAsync(new byte[] { 9, 0 }, _deadline.Token);
        _owner.Dispose();
        await Should.ThrowAsync<IOException>(new HandoverReceiver(_worker).ReceiveAsync(_deadline.Token));
    }

    [Fact]
    public async Task SendAsync_PeerDoesNotRead_EndsWithTheToken()
    {
        using var cancel = CancellationTokenSource.CreateLinkedTokenSource(_deadline.Token);
        cancel.CancelAfter(TimeSpan.FromMilliseconds(200));
        var filler = Message([.. Enumerable.Repeat(65535, 200)]);
        using var listener = Listen();
        SafeHandle[] sockets = [.. Enumerable.Repeat<SafeHandle>(listener.SafeHandle, 200)];
        await Should.ThrowAsync<OperationCanceledException>(async () =>
        {
            while (true)
            {
                await HandoverSender.SendAsync(_owner, filler, sockets, cancel.Token);
            }
        });
        _deadline.IsCancellationRequested.ShouldBeFalse();
    }

    private static HandoverMessage Message(params int[] ports) =>
        new()
        {
            Sequence = 7,
            Listeners =
            [
                .. ports.Select(
                    static (port, i) =>
                        new HandoverListener
                        {
                            Name = $"l{i}",
                            Protocol = ListenerProtocol.TCP,
                            Address = "127.0.0.1",
                            Port = port,
                        }
                ),
            ],
        };

    private static Socket Listen()
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        socket.Listen();
        return socket;
    }

    /// <summary>How many descriptors of this process are the socket.</summary>
    private static int Sharing(Socket socket)
    {
        var target = File.ResolveLinkTarget($"/proc/self/fd/{socket.Handle}", returnFinalTarget: false)!.Name;
        return Directory
            .GetFiles("/proc/self/fd")
            .Count(path =>
            {
                try
                {
                    return new FileInfo(path).LinkTarget is { } link && Path.GetFileName(link) == target;
                }
                catch (IOException)
                {
                    return false;
                }
            });
    }
}
