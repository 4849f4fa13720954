using System.Text.Json;
using System.Text.Json.Nodes;
using YamlDotNet.Core;
using YamlDotNet.Core.Events;

namespace Mooring.Operator.Entities.Schema;

/// <summary>Writes JSON as YAML in one fixed form: block style, keys in their order, texts quoted only where YAML would read them as something else.</summary>
public static class YamlWriter
{
    private static readonly EmitterSettings Settings = new(
        bestIndent: 2,
        bestWidth: int.MaxValue,
        isCanonical: false,
        maxSimpleKeyLength: 1024,
        skipAnchorName: true,
        indentSequences: false
    );

    public static string Write(JsonNode? node)
    {
        var text = new StringWriter { NewLine = "\n" };
        var emitter = new Emitter(text, Settings);
        emitter.Emit(new StreamStart());
        emitter.Emit(new DocumentStart());
        Emit(emitter, node);
        emitter.Emit(new DocumentEnd(isImplicit: true));
        emitter.Emit(new StreamEnd());
        return text.ToString();
    }

    private static void Emit(Emitter emitter, JsonNode? node)
    {
        switch (node)
        {
            case JsonObject map:
                emitter.Emit(new MappingStart(default, default, isImplicit: true, map.Count == 0 ? MappingStyle.Flow : MappingStyle.Block));
                foreach (var (key, value) in map)
                {
                    EmitText(emitter, key);
                    Emit(emitter, value);
                }

                emitter.Emit(new MappingEnd());
                break;
            case JsonArray list:
                emitter.Emit(
                    new SequenceStart(default, default, isImplicit: true, list.Count == 0 ? SequenceStyle.Flow : SequenceStyle.Block)
                );
                foreach (var item in list)
                {
                    Emit(emitter, item);
                }

                emitter.Emit(new SequenceEnd());
                break;
            case JsonValue value when value.GetValueKind() == JsonValueKind.String:
                EmitText(emitter, value.GetValue<string>());
                break;
            default:
                emitter.Emit(
                    new Scalar(
                        default,
                        default,
                        node?.ToJsonString() ?? "null",
                        ScalarStyle.Plain,
                        isPlainImplicit: true,
                        isQuotedImplicit: false
                    )
                );
                break;
        }
    }

    private static void EmitText(Emitter emitter, string text)
    {
        var style =
            text.Contains('\n') ? ScalarStyle.Literal
            : YamlScalar.IsPlainText(text) ? ScalarStyle.Plain
            : ScalarStyle.SingleQuoted;
        emitter.Emit(new Scalar(default, default, text, style, isPlainImplicit: true, isQuotedImplicit: true));
    }
}
