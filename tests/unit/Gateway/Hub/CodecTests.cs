using System.Text;
using FsCheck;
using FsCheck.Fluent;
using Mooring.Gateway.Hub.Protocol;

namespace Mooring.Gateway.Tests.Hub;

public sealed class CodecTests
{
    [Fact]
    public void Read_AnyBytes_EndsWithoutException() =>
        Check.One(
            Config.QuickThrowOnFailure.WithMaxTest(2000),
            Prop.ForAll(
                Gen.Choose(0, int.MaxValue).ToArbitrary(),
                seed =>
                {
                    var random = new Random(seed);
                    var bytes = Mutated(random);
                    foreach (var codec in new[] { HubCodec.Json, HubCodec.Protobuf })
                    {
                        ReadOnlySpan<byte> rest = bytes;
                        var command = default(HubCommand);
                        var length = rest.Length;
                        while (codec.Read(ref rest, ref command) == CommandRead.Command)
                        {
                            rest.Length.ShouldBeLessThan(length);
                            length = rest.Length;
                        }
                    }

                    PublicationParts.TryDecode(bytes, 1, out _);
                }
            )
        );

    [Fact]
    public void Publication_EncodedAndDecoded_IsTheSame()
    {
        var info = new ClientInfo("anna", "c-1", "{\"a\":1}"u8.ToArray(), default);
        var encoded = PublicationParts.Encode("{\"x\":[1,2]}"u8, info, [new("k", "v"), new("", "ü")], 1_700_000_000_000);

        PublicationParts.TryDecode(encoded, 42, out var parts).ShouldBeTrue();

        Encoding.UTF8.GetString(parts.Data.Span).ShouldBe("{\"x\":[1,2]}");
        (parts.Offset, parts.Time).ShouldBe((42ul, 1_700_000_000_000));
        parts.Info!.User.ShouldBe("anna");
        Encoding.UTF8.GetString(parts.Info.ConnInfo.Span).ShouldBe("{\"a\":1}");
        parts.Tags.ShouldBe([new("k", "v"), new("", "ü")]);
    }

    [Theory]
    [InlineData("{\"id\":1,\"publish\":{\"channel\":\"a\",\"data\":{\"n\":[1, 2]},\"later\":{\"x\":[]}},\"unknown\":3}", "{\"n\":[1, 2]}")]
    [InlineData("{\"publish\":{\"data\":null,\"channel\":\"a\"},\"id\":1}", "null")]
    [InlineData("{\"id\":1,\"publish\":{\"channel\":\"a\",\"data\":\"x\\n\"}}", "\"x\\n\"")]
    public void ReadJson_Publish_TakesDataAsItIs(string text, string data)
    {
        ReadOnlySpan<byte> rest = Encoding.UTF8.GetBytes(text);
        var command = default(HubCommand);

        HubCodec.Json.Read(ref rest, ref command).ShouldBe(CommandRead.Command);

        (command.Id, command.Method, command.Channel).ShouldBe((1u, HubMethod.Publish, "a"));
        Encoding.UTF8.GetString(command.Data).ShouldBe(data);
    }

    [Theory]
    [InlineData("{\"id\":-1,\"ping\":{}}")]
    [InlineData("{\"id\":1.5,\"ping\":{}}")]
    [InlineData("{\"id\":1,\"ping\":[]}")]
    [InlineData("{\"id\":1,\"ping\":{},\"rpc\":{}}")]
    [InlineData("{\"id\":1,\"subscribe\":{\"channel\":1}}")]
    [InlineData("{\"id\":1,\"subscribe\":{\"recover\":\"yes\"}}")]
    [InlineData("{\"id\":1,\"connect\":{\"subs\":[]}}")]
    [InlineData("{\"id\":1,\"subscribe\":{\"channel\":\"\\ud800\"}}")]
    [InlineData("[]")]
    [InlineData("{}x")]
    public void ReadJson_Wrong_IsInvalid(string text)
    {
        ReadOnlySpan<byte> rest = Encoding.UTF8.GetBytes(text);
        var command = default(HubCommand);

        HubCodec.Json.Read(ref rest, ref command).ShouldBe(CommandRead.Invalid);
    }

    private static byte[] Mutated(Random random)
    {
        var seeds = new[]
        {
            "{\"id\":1,\"connect\":{\"token\":\"x\",\"subs\":{\"a\":{\"recover\":true,\"offset\":1,\"epoch\":\"e\"}}}}\n{\"id\":2}",
            "{\"id\":3,\"history\":{\"channel\":\"a\",\"limit\":-1,\"since\":{\"offset\":3,\"epoch\":\"x\"},\"reverse\":true}}",
            "\u0010\b\u0001\"\f\n\u0003abc\u001a\u0005\n\u0001a\u0012\0",
        };
        var bytes = Encoding.UTF8.GetBytes(seeds[random.Next(seeds.Length)]);
        for (var edits = random.Next(8); edits > 0; edits--)
        {
            bytes[random.Next(bytes.Length)] = (byte)random.Next(256);
        }

        return bytes[..random.Next(bytes.Length + 1)];
    }
}
