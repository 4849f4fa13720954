using System.Net;
using FsCheck;
using FsCheck.Fluent;
using Mooring.Gateway.Datagrams;
using Mooring.Gateway.Handover;
using Mooring.Gateway.Transport;

namespace Mooring.Gateway.Tests.Handover;

public sealed class FlowCodecTests
{
    internal static FlowRecord Sample(int seed = 1)
    {
        var random = new Random(seed);
        return new FlowRecord
        {
            Listener = "media",
            Backend = random.Next(2) == 0 ? "relay" : "",
            Endpoint = new string('é', random.Next(200)),
            EndpointAddress = new IPEndPoint(random.Next(2) == 0 ? IPAddress.Loopback : IPAddress.IPv6Loopback, random.Next(65536)),
            Client = NetworkAddress.From(IPAddress.Parse("2001:db8::1")),
            Port = (ushort)random.Next(65536),
            Scope = (uint)random.NextInt64(uint.MaxValue),
            Local = random.Next(2) == 0 ? default : NetworkAddress.From(IPAddress.Loopback),
            LastActive = (uint)random.NextInt64(uint.MaxValue),
            Started = random.NextInt64(),
            Received = random.NextInt64(),
            Sent = random.NextInt64(),
            Requests = random.NextInt64(),
            Answers = random.NextInt64(),
            State = FlowCodec.Keep((FlowState)random.Next(8)),
        };
    }

    [Fact]
    public void Read_WhatWriteWrote_IsTheSame()
    {
        for (var seed = 0; seed < 50; seed++)
        {
            FlowRecord[] records = [.. Enumerable.Range(0, seed % 5).Select(i => Sample(seed + i))];
            FlowCodec.Read(FlowCodec.Write(records)).ShouldBe(records);
        }
    }

    [Fact]
    public void Read_MoreThanABatchTakes_IsAnError() =>
        Should
            .Throw<InvalidDataException>(() =>
                FlowCodec.Read(FlowCodec.Write([.. Enumerable.Range(0, FlowCodec.MaxFlows + 1).Select(Sample)]))
            )
            .Message.ShouldStartWith($"batch of flows, [{FlowCodec.MaxFlows}]");

    [Fact]
    public void Read_AnyBytes_GivesRecordsOrSaysWhatIsWrong()
    {
        var good = FlowCodec.Write([Sample(2), Sample(3)]);
        Prop.ForAll<int, byte, int>(
                (at, value, cut) =>
                {
                    byte[] bytes = [.. good];
                    bytes[(int)((uint)at % (uint)bytes.Length)] = value;
                    bytes = bytes[..(int)((uint)cut % (uint)(bytes.Length + 1))];
                    try
                    {
                        return FlowCodec.Read(bytes).Count <= 2;
                    }
                    catch (InvalidDataException problem)
                    {
                        return problem.Message.StartsWith("batch of flows, [", StringComparison.Ordinal);
                    }
                }
            )
            .Check(Config.QuickThrowOnFailure.WithMaxTest(2000));
    }
}
