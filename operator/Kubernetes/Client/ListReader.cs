using System.Text.Json;
using Mooring.Kubernetes.Models;

namespace Mooring.Kubernetes.Client;

/// <summary>Reads a list without needing type information for it: only its items are typed.</summary>
internal static class ListReader
{
    /// <exception cref="JsonException">
    /// Not a list; the message has path and byte position. One without items and version is none either: taken for an empty one, it would say that
    /// everything was deleted.
    /// </exception>
    public static KubernetesList<T> Read<T>(ResourceType<T> type, ReadOnlySpan<byte> json)
        where T : class, IKubernetesObject
    {
        var list = new KubernetesList<T> { ApiVersion = type.ApiVersion, Kind = type.Kind + "List" };
        var reader = new Utf8JsonReader(json);
        reader.Read();
        if (reader.TokenType != JsonTokenType.StartObject)
        {
            throw new JsonException("a list must be an object");
        }

        var hasItems = false;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            if (reader.ValueTextEquals("metadata"u8))
            {
                reader.Read();
                list.Metadata = JsonSerializer.Deserialize(ref reader, KubernetesJson.Default.ListMeta) ?? new ListMeta();
            }
            else if (reader.ValueTextEquals("items"u8))
            {
                hasItems = true;
                reader.Read();
                ReadItems(type, ref reader, list.Items);
            }
            else
            {
                reader.Read();
                reader.Skip();
            }
        }

        return hasItems && list.Metadata.ResourceVersion is { Length: > 0 }
            ? list
            : throw new JsonException("a list must have items and a resourceVersion");
    }

    private static void ReadItems<T>(ResourceType<T> type, ref Utf8JsonReader reader, List<T> items)
        where T : class, IKubernetesObject
    {
        if (reader.TokenType == JsonTokenType.Null)
        {
            return;
        }

        if (reader.TokenType != JsonTokenType.StartArray)
        {
            throw new JsonException("items must be an array");
        }

        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            items.Add(type.Read(ref reader));
        }
    }
}
