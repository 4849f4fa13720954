using System.Buffers.Binary;
using System.Net;
using FsCheck;
using FsCheck.Fluent;
using Mooring.Gateway.Handover;
using Mooring.Gateway.Transport;
using Mooring.Gateway.Transport.ProxyProtocol;
using Mooring.Gateway.WebSockets.Framing;

namespace Mooring.Gateway.Tests.Handover;

public sealed class RecordCodecTests
{
    internal static ConnectionRecord Sample(int seed = 1)
    {
        var random = new Random(seed);
        byte[]? frames = null;
        if (random.Next(2) == 0)
        {
            frames = new byte[2 * FrameTracker.SavedBytes];
            var tracker = new FrameTracker(FrameSender.Client, FrameExtensions.Deflate);
            tracker.Advance([0x82, 0xFE, 0x01], StopAt.End);
            tracker.Save(frames);
            new FrameTracker(FrameSender.Server, FrameExtensions.None).Save(frames.AsSpan(FrameTracker.SavedBytes));
        }

        return new ConnectionRecord
        {
            Listener = "edge",
            Backend = random.Next(2) == 0 ? "relay" : "",
            Endpoint = new string('é', random.Next(200)),
            EndpointAddress = new IPEndPoint(random.Next(2) == 0 ? IPAddress.Loopback : IPAddress.IPv6Loopback, random.Next(65536)),
            Frames = frames,
            Proxy = Proxy(random),
            Bandwidth = random.Next(2) == 0 ? (random.NextInt64(), random.NextInt64()) : null,
            Client = Side(random),
            Upstream = Side(random),
            Address = NetworkAddress.From(IPAddress.Parse("2001:db8::1")),
            Port = (ushort)random.Next(65536),
            LastActive = (uint)random.NextInt64(uint.MaxValue),
            TimerDeadline = random.Next(2) == 0 ? (uint)random.NextInt64(uint.MaxValue) : null,
            NoDelay = random.Next(2) == 0,
            ServerName = random.Next(2) == 0 ? Enumerable.Repeat((byte)'s', random.Next(1, 256)).ToArray() : [],
            Identity = random.Next(2) == 0 ? ((ulong)random.NextInt64(), (ulong)random.NextInt64()) : null,
            Messages = random.Next(2) == 0 ? (random.NextInt64(), (ulong)random.NextInt64()) : null,
        };
    }

    [Fact]
    public void Read_WhatWriteWrote_IsTheSame()
    {
        for (var seed = 0; seed < 50; seed++)
        {
            ConnectionRecord[] records = [.. Enumerable.Range(0, seed % 5).Select(i => Sample(seed + i))];
            var bytes = RecordCodec.Write(records);
            var read = RecordCodec.Read(bytes);
            read.Count.ShouldBe(records.Length);
            RecordCodec.Write(read).ShouldBe(bytes);
            for (var i = 0; i < records.Length; i++)
            {
                (
                    read[i] with
                    {
                        Frames = null,
                        Proxy = null,
                        ServerName = records[i].ServerName,
                        Client = records[i].Client,
                        Upstream = records[i].Upstream,
                    }
                ).ShouldBe(records[i] with { Frames = null, Proxy = null });
                read[i].Client.Pending.ShouldBe(records[i].Client.Pending);
                read[i].ServerName.ShouldBe(records[i].ServerName);
            }
        }
    }

    [Fact]
    public void SizeOf_AnyRecords_IsWhatIsWritten() =>
        Prop.ForAll<int[]>(seeds =>
            {
                ConnectionRecord[] records = [.. seeds.Select(Sample)];
                return RecordCodec.Write(records).Length == sizeof(ushort) + records.Sum(RecordCodec.SizeOf);
            })
            .Check(Config.QuickThrowOnFailure);

    [Fact]
    public void SizeOf_GreatestRecord_FitsBehindABatchThatIsAlmostFull()
    {
        var side = Sample().Client with { PipeBytes = 0, Pending = new byte[RecordCodec.MaxPending] };
        var greatest = Sample() with
        {
            Listener = new string('l', 63),
            Backend = new string('b', 63),
            Endpoint = new string('e', 253),
            EndpointAddress = new IPEndPoint(IPAddress.Parse("2001:db8:1111:2222:3333:4444:5555:6666%4294967295"), 65535),
            Frames = new byte[2 * FrameTracker.SavedBytes],
            Proxy = new ProxyRecord(default, 0, null, 0, new byte[ProxyHeader.MaxBytes]),
            ServerName = new byte[255],
            Client = side,
            Upstream = side,
        };

        // In front of it: the message's kind, the count, and what is just not enough to close the batch.
        (1 + sizeof(ushort) + RecordCodec.FullBatch - 1 + RecordCodec.SizeOf(greatest)).ShouldBeLessThanOrEqualTo(RecordCodec.MaxBatch);
    }

    [Fact]
    public void Read_RecordWithMoreFieldsThanKnown_SkipsThem()
    {
        var bytes = RecordCodec.Write([Sample()]).ToList();
        bytes.AddRange([1, 2, 3]);
        bytes[2] += 3;
        RecordCodec.Read([.. bytes]).ShouldHaveSingleItem().Listener.ShouldBe("edge");
    }

    [Fact]
    public void Read_RecordOfAnOlderProgram_HasNeitherServerNameNorMessages()
    {
        // A bucket and a length, and whether there are any.
        const int messages = 1 + sizeof(long) + sizeof(ulong);
        var sample = Sample() with { ServerName = [], Messages = (1, 2) };
        var bytes = RecordCodec.Write([sample]);
        RecordCodec.Read(WithoutLast(bytes, messages)).ShouldHaveSingleItem().Messages.ShouldBeNull();
        var older = RecordCodec.Read(WithoutLast(bytes, messages + 1)).ShouldHaveSingleItem();
        older.ServerName.ShouldBeEmpty();
        older.Messages.ShouldBeNull();
        older.Identity.ShouldBe(sample.Identity);
    }

    /// <summary>The batch, whose one record ends earlier.</summary>
    private static byte[] WithoutLast(byte[] batch, int count)
    {
        var length = batch.AsSpan(sizeof(ushort));
        var cut = batch[..^count];
        BinaryPrimitives.WriteInt32LittleEndian(cut.AsSpan(sizeof(ushort)), BinaryPrimitives.ReadInt32LittleEndian(length) - count);
        return cut;
    }

    [Fact]
    public void Read_AnyBytes_GivesRecordsOrSaysWhatIsWrong()
    {
        var good = RecordCodec.Write([Sample(2), Sample(3)]);
        Prop.ForAll<int, byte, int>(
                (at, value, cut) =>
                {
                    byte[] bytes = [.. good];
                    bytes[(int)((uint)at % (uint)bytes.Length)] = value;
                    bytes = bytes[..(int)((uint)cut % (uint)(bytes.Length + 1))];
                    try
                    {
                        return RecordCodec.Read(bytes).Count <= 2;
                    }
                    catch (InvalidDataException problem)
                    {
                        return problem.Message.StartsWith("batch of connections, [", StringComparison.Ordinal);
                    }
                }
            )
            .Check(Config.QuickThrowOnFailure.WithMaxTest(2000));
    }

    private static ProxyRecord? Proxy(Random random)
    {
        if (random.Next(2) == 0)
        {
            return null;
        }

        var header = new byte[ProxyHeader.MaxWrittenBytes];
        var (one, two) = (NetworkAddress.From(IPAddress.Loopback), NetworkAddress.From(IPAddress.IPv6Loopback));
        var length = ProxyHeaderWriter.WriteV2(
            new ProxyAddresses(one, 1, two, 2),
            new ProxyWords { Authority = "name"u8, UniqueId = "id"u8 },
            crc32C: true,
            header
        );
        return new ProxyRecord(one, 7, random.Next(2) == 0 ? two : null, 8, random.Next(2) == 0 ? header[..length] : []);
    }

    private static SideRecord Side(Random random)
    {
        var pipe = random.Next(3) == 0 ? random.Next(1, PipePool.PipeBytes) : 0;
        var pending = new byte[pipe > 0 ? 0 : random.Next(300)];
        random.NextBytes(pending);
        return new SideRecord
        {
            Flags = RecordCodec.Keep((ChannelFlags)random.Next(512)),
            Started = random.NextInt64(),
            Received = random.NextInt64(),
            Pending = pending,
            PipeBytes = pipe,
        };
    }
}
