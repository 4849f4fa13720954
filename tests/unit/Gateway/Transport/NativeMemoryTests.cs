using System.Net;
using Mooring.Gateway.Transport;

namespace Mooring.Gateway.Tests.Transport;

public sealed unsafe class NativeMemoryTests
{
    [Fact]
    public void Channel_Size_IsOneCacheLine() => sizeof(Channel).ShouldBe(64);

    [Fact]
    public void Claim_UsedBefore_IsCleared()
    {
        using var table = new ChannelTable(10_000);
        var channel = table.Claim(9_999, ChannelKind.Client, ChannelPhase.Relaying);
        channel->Received = 5;
        channel->Flags = ChannelFlags.Bulk;
        channel = table.Claim(9_999, ChannelKind.Upstream, ChannelPhase.Connecting);
        (channel->Received, channel->Flags, channel->Peer, channel->Kind).ShouldBe((0, ChannelFlags.None, -1, ChannelKind.Upstream));
    }

    [Fact]
    public void Claim_BeyondTheTable_IsNull()
    {
        using var table = new ChannelTable(1024);
        (table.Claim(1024, ChannelKind.Client, ChannelPhase.Relaying) == null).ShouldBeTrue();
    }

    [Fact]
    public void Pending_StoreConsumeAppend_KeepsBytesInOrder()
    {
        using var pool = new PendingPool(64 * 1024);
        var data = new byte[50_000];
        new Random(1).NextBytes(data);
        int handle;
        fixed (byte* p = data)
        {
            handle = pool.Store(p, data.Length);
        }

        pool.Consume(handle, 10_000).ShouldBeFalse();
        pool.Peek(handle).SequenceEqual(data.AsSpan(10_000)).ShouldBeTrue();
        handle = pool.Append(handle, [1, 2, 3]);
        pool.Peek(handle)[^3..].ToArray().ShouldBe([1, 2, 3]);
        pool.Consume(handle, 40_003).ShouldBeTrue();
        pool.BytesInUse.ShouldBe(0);
    }

    [Fact]
    public void Pending_ManyOfAnySize_AreAllGivenBack()
    {
        using var pool = new PendingPool(64 * 1024);
        var handles = new List<int>();
        var block = new byte[64 * 1024];
        fixed (byte* p = block)
        {
            for (var i = 1; i <= 300; i++)
            {
                handles.Add(pool.Store(p, i * 200));
            }
        }

        handles.Distinct().Count().ShouldBe(300);
        handles.ForEach(pool.Release);
        pool.BytesInUse.ShouldBe(0);
    }

    [Fact]
    public void Pipes_AllRented_GivesNoneAndReusesReturned()
    {
        using var pool = new PipePool(2);
        var first = pool.Rent();
        var second = pool.Rent();
        (first, second).ShouldBe((1, 2));
        pool.Rent().ShouldBe(0);
        pool.Return(first);
        pool.Rent().ShouldBe(first);
        pool.Open.ShouldBe(2);
    }

    [Fact]
    public void Pipes_ReturnedWithBytesInside_AreNotUsedAgain()
    {
        using var pool = new PipePool(1);
        var handle = pool.Rent();
        var readEnd = pool[handle].ReadEnd;
        var data = stackalloc byte[3];
        Libc.Write(pool[handle].WriteEnd, data, 3).ShouldBe(3);
        pool[handle].Filled = 3;
        pool.Return(handle);
        pool.Open.ShouldBe(0);

        // The next one is fresh: nothing of the old connection is in it.
        handle = pool.Rent();
        var read = Libc.Read(pool[handle].ReadEnd, data, 3);
        (read, Libc.LastError).ShouldBe((-1, Errno.EAGAIN));
        readEnd.ShouldBeGreaterThan(0);
    }

    [Fact]
    public void Slab_RentReturnRent_IsClearedAndReused()
    {
        using var slab = new NativeSlab<long>();
        var handles = Enumerable.Range(0, 3000).Select(_ => slab.Rent()).ToList();
        handles.ForEach(handle => *slab[handle] = handle);
        handles.TrueForAll(handle => *slab[handle] == handle).ShouldBeTrue();
        handles.ForEach(slab.Return);
        slab.Count.ShouldBe(0);
        (*slab[slab.Rent()]).ShouldBe(0);
    }

    [Theory]
    [InlineData("192.0.2.7")]
    [InlineData("::1")]
    [InlineData("2001:db8:1:2:3:4:5:6")]
    public void NetworkAddress_FromAndBack_IsTheSame(string text)
    {
        var address = IPAddress.Parse(text);
        NetworkAddress.From(address).ToIPAddress().ShouldBe(address);
        var kernel = KernelAddress.From(address, 4711);
        NetworkAddress.From(address).ShouldBe(KernelAddress.Read((byte*)&kernel).Address);
        KernelAddress.Read((byte*)&kernel).Port.ShouldBe((ushort)4711);
    }

    [Fact]
    public void ClientKey_IPv6_CountsByItsSubnetAndIPv4ByAddress()
    {
        Key("2001:db8:1:2::1").ShouldBe(Key("2001:db8:1:2:ffff:ffff:ffff:ffff"));
        Key("2001:db8:1:2::1").ShouldNotBe(Key("2001:db8:1:3::1"));
        Key("192.0.2.1").ShouldNotBe(Key("192.0.2.2"));
        Key("192.0.2.1").ShouldBe(Key("::ffff:192.0.2.1"));

        static ulong Key(string text) => NetworkAddress.From(IPAddress.Parse(text)).ClientKey;
    }
}
