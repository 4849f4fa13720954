using System.Buffers;
using System.Text;
using System.Text.Json;
using Mooring.Kubernetes.Models;

namespace Mooring.Kubernetes.Tests.Models;

public sealed class SharedTextTests
{
    private const string Strange = "q\"uote\\ \n é 𝄞 \u2028";

    [Fact]
    public void Read_EqualTexts_AreOneObject()
    {
        var (one, other) = (Read(Json("web-1")), Read(Json("web-1")));
        one.Spec!.Containers![0].Image.ShouldBe("mooring/gateway:dev");
        one.Spec.Containers[0].Image.ShouldBeSameAs(other.Spec!.Containers![0].Image);
        one.Metadata.Name.ShouldBeSameAs(other.Metadata.Name);
        one.Metadata.Labels.ShouldBe(new Dictionary<string, string> { ["mooring.dev/fleet"] = "shop", ["strange"] = Strange });
        one.Metadata.Labels!.Keys.First().ShouldBeSameAs(other.Metadata.Labels!.Keys.First());
        one.Metadata.Labels["strange"].ShouldBeSameAs(other.Metadata.Labels["strange"]);
    }

    [Fact]
    public void Read_InPieces_IsTheSameText()
    {
        var whole = Json("web-2");
        for (var cut = 1; cut < whole.Length; cut++)
        {
            var reader = new Utf8JsonReader(Pieces(whole, cut));
            var pod = JsonSerializer.Deserialize(ref reader, ResourcesJson.Default.Pod)!;
            (pod.Metadata.Name, pod.Metadata.Labels!["strange"]).ShouldBe(("web-2", Strange));
        }
    }

    [Theory]
    [InlineData(SharedTexts.Longest, true)]
    [InlineData(SharedTexts.Longest + 1, false)]
    public void Read_LongTexts_AreWholeAndKeptApart(int length, bool shared)
    {
        var name = new string('x', length);
        var (one, other) = (Read(Json(name)).Metadata.Name, Read(Json(name)).Metadata.Name);
        (one, other).ShouldBe((name, name));
        ReferenceEquals(one, other).ShouldBe(shared);
    }

    [Theory]
    [InlineData("null", null)]
    [InlineData("\"\"", "")]
    public void Read_NoText_IsNone(string json, string? name) => Read(Named(json)).Metadata.Name.ShouldBe(name);

    [Theory]
    [InlineData("7")]
    [InlineData("{}")]
    [InlineData("\"\\ud800\"")]
    public void Read_AnythingElse_IsRefused(string json) => Should.Throw<JsonException>(() => Read(Named(json)));

    [Fact]
    public void Write_IsAsItWasRead()
    {
        var json = Json("web-3");
        JsonSerializer
            .SerializeToElement(Read(json), ResourcesJson.Default.Pod)
            .GetProperty("metadata")
            .GetProperty("labels")
            .GetProperty("strange")
            .GetString()
            .ShouldBe(Strange);
    }

    [Fact]
    public void Of_ManyTexts_AreWhatTheyWere()
    {
        for (var i = 0; i < 100_000; i++)
        {
            SharedTexts.Of($"text-{i}").ShouldBe($"text-{i}");
            SharedTexts.Of($"text-{i}".AsSpan()).ShouldBe($"text-{i}");
        }
    }

    private static Pod Read(byte[] json) => JsonSerializer.Deserialize(json, ResourcesJson.Default.Pod)!;

    private static byte[] Named(string json) => Encoding.UTF8.GetBytes($$"""{"metadata":{"name":{{json}} } }""");

    private static byte[] Json(string name) =>
        Encoding.UTF8.GetBytes(
            $$"""
            {"metadata":{"name":"{{name}}","labels":{"mooring.dev/fleet":"shop","strange":{{JsonSerializer.Serialize(Strange)}} } },
             "spec":{"containers":[{"name":"gateway","image":"mooring/gateway:dev"}]} }
            """
        );

    private static ReadOnlySequence<byte> Pieces(byte[] whole, int cut)
    {
        var first = new Piece(whole.AsMemory(0, cut), 0);
        var last = new Piece(whole.AsMemory(cut), cut);
        first.Before(last);
        return new ReadOnlySequence<byte>(first, 0, last, last.Memory.Length);
    }

    private sealed class Piece : ReadOnlySequenceSegment<byte>
    {
        public Piece(ReadOnlyMemory<byte> memory, long at) => (Memory, RunningIndex) = (memory, at);

        public void Before(Piece next) => Next = next;
    }
}
