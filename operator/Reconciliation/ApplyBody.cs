using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Mooring.Kubernetes.Models;

namespace Mooring.Operator.Reconciliation;

/// <summary>An object as it is applied: what is desired, with the hash of it as an annotation and, for the write, what it may reach. Immutable.</summary>
/// <remarks>Put together from the text as it is: to read it into nodes and write those again would cost as much as all the rest of an apply.</remarks>
internal sealed class ApplyBody
{
    private readonly byte[] _json;
    private readonly int _metadata;

    private ApplyBody(byte[] json, int metadata) => (_json, _metadata) = (json, metadata);

    /// <summary>Without a guard: for an object that is not there.</summary>
    public ReadOnlyMemory<byte> Plain => _json;

    /// <param name="json">The desired object.</param>
    /// <param name="annotation">Name of the annotation; nothing that JSON would have to escape.</param>
    /// <param name="hash">Its text, likewise.</param>
    /// <exception cref="JsonException">It has no metadata.</exception>
    public static ApplyBody Of(ReadOnlySpan<byte> json, string annotation, string hash)
    {
        var (metadata, annotations, isEmpty) = Find(json);
        var pair = $"\"{annotation}\":\"{hash}\"";
        return annotations < 0
            ? new ApplyBody(Insert(json, metadata, $"\"annotations\":{{{pair}}},"), metadata)
            : new ApplyBody(Insert(json, annotations, isEmpty ? pair : pair + ","), metadata);
    }

    /// <summary>For this very object, and no other of its name; null: for a name that nobody has.</summary>
    /// <remarks>
    /// The API server refuses the write when it would reach another object than this; or any, where there is to be none: no object has the first version,
    /// and where none is there an apply makes one whatever the version. So what is new costs no read.
    /// </remarks>
    public ReadOnlyMemory<byte> For(IKubernetesObject? live) =>
        Insert(
            _json,
            _metadata,
            live is null ? "\"resourceVersion\":\"1\"," : $"\"uid\":\"{JsonEncodedText.Encode(live.Metadata.Uid ?? "")}\","
        );

    /// <summary>A copy as nodes.</summary>
    public JsonObject ToNode() => JsonNode.Parse(_json)!.AsObject();

    /// <summary>Where the members of metadata begin, and those of its annotations; less than zero where there are none.</summary>
    private static (int Metadata, int Annotations, bool IsEmpty) Find(ReadOnlySpan<byte> json)
    {
        var reader = new Utf8JsonReader(json);
        reader.Read();
        if (!Enter(ref reader, "metadata"u8))
        {
            throw new JsonException("an object without metadata");
        }

        var metadata = (int)reader.TokenStartIndex + 1;
        if (!Enter(ref reader, "annotations"u8))
        {
            return (metadata, -1, false);
        }

        var annotations = (int)reader.TokenStartIndex + 1;
        reader.Read();
        return (metadata, annotations, reader.TokenType == JsonTokenType.EndObject);
    }

    // From the start of an object to the start of the object that is its member of that name.
    private static bool Enter(ref Utf8JsonReader reader, ReadOnlySpan<byte> name)
    {
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var found = reader.ValueTextEquals(name);
            reader.Read();
            if (found)
            {
                return reader.TokenType == JsonTokenType.StartObject;
            }

            reader.Skip();
        }

        return false;
    }

    private static byte[] Insert(ReadOnlySpan<byte> json, int at, string text)
    {
        var whole = new byte[json.Length + Encoding.UTF8.GetByteCount(text)];
        json[..at].CopyTo(whole);
        var length = Encoding.UTF8.GetBytes(text, whole.AsSpan(at));
        json[at..].CopyTo(whole.AsSpan(at + length));
        return whole;
    }
}
