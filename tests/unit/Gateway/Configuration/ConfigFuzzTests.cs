using System.Collections;
using System.Reflection;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Mooring.Contracts;
using Mooring.Contracts.Configuration;
using Mooring.Gateway.Configuration;

namespace Mooring.Gateway.Tests.Configuration;

/// <summary>Whatever is wrong with one member of a config is said, by the parser or the compiler, and never an exception of another kind.</summary>
public sealed class ConfigFuzzTests
{
    private static readonly string[] Wrongs =
    [
        "null",
        "\"\"",
        "\"x\"",
        "\"é\\u0000;\\r\\n\"",
        "\"*.\"",
        "\"[::1]:0\"",
        "\"/..\"",
        "\"http://\"",
        "\"redis://:@/\"",
        "\"-1s\"",
        "\"0s\"",
        "\"10675199d\"",
        "-1",
        "0",
        "1",
        "2147483647",
        "9223372036854775807",
        "1e308",
        "true",
        "[]",
        "[null]",
        "[\"\"]",
        "{}",
        "[{}]",
    ];

    [Theory]
    [InlineData("TCP", "Static")]
    [InlineData("UDP", "Pushed")]
    [InlineData("WebSocket", "Static")]
    [InlineData("Tunnel", "Pushed")]
    public void Compile_AnyMemberWrong_SaysSoAndThrowsNothing(string protocol, string source)
    {
        var config = (GatewayConfig)Whole(typeof(GatewayConfig), 0)!;
        var whole = JsonSerializer.Serialize(config, ContractsJson.Strict.GatewayConfig);
        var members = 0;
        var thrown = new List<string>();
        var root = JsonNode.Parse(whole)!;
        root["listeners"]![0]!["protocol"] = protocol;
        root["backends"]![0]!["source"] = source;
        whole = root.ToJsonString();
        foreach (var path in Paths(root).ToList())
        {
            members++;
            foreach (var wrong in Wrongs)
            {
                var changed = JsonNode.Parse(whole)!;
                Set(changed, path, JsonNode.Parse(wrong));
                var text = changed.ToJsonString();
                try
                {
                    ConfigCompiler.Compile(ContractsJson.ParseConfig(Encoding.UTF8.GetBytes(text)), 1000);
                }
                catch (JsonException)
                {
                    // Said by the parser.
                }
                catch (Exception error)
                {
                    thrown.Add($"{string.Join('.', path)} = {wrong}: {error}");
                }
            }
        }

        thrown.ShouldBeEmpty();
        members.ShouldBeGreaterThan(150);
    }

    /// <summary>With every member, and one item in every list.</summary>
    private static object? Whole(Type type, int depth)
    {
        type = Nullable.GetUnderlyingType(type) ?? type;
        if (type == typeof(string))
        {
            return "x";
        }

        if (type == typeof(TimeSpan))
        {
            return TimeSpan.FromSeconds(1);
        }

        if (type.IsValueType)
        {
            return type.IsEnum || type == typeof(bool) ? Activator.CreateInstance(type) : Convert.ChangeType(1, type);
        }

        if (type.IsGenericType && typeof(IEnumerable).IsAssignableFrom(type))
        {
            var arguments = type.GetGenericArguments();
            if (arguments.Length == 2)
            {
                var map = (IDictionary)Activator.CreateInstance(typeof(Dictionary<,>).MakeGenericType(arguments))!;
                map.Add(Whole(arguments[0], depth + 1)!, Whole(arguments[1], depth + 1));
                return map;
            }

            var list = (IList)Activator.CreateInstance(typeof(List<>).MakeGenericType(arguments))!;
            list.Add(Whole(arguments[0], depth + 1));
            return list;
        }

        depth.ShouldBeLessThan(20);
        var result = System.Runtime.CompilerServices.RuntimeHelpers.GetUninitializedObject(type);
        foreach (var property in type.GetProperties(BindingFlags.Public | BindingFlags.Instance).Where(one => one.CanWrite))
        {
            property.SetValue(result, Whole(property.PropertyType, depth + 1));
        }

        return result;
    }

    private static IEnumerable<object[]> Paths(JsonNode node)
    {
        var inside = node switch
        {
            JsonObject members => members.SelectMany(member => Below(member.Key, member.Value)),
            JsonArray items => items.SelectMany((item, i) => Below(i, item)),
            _ => [],
        };
        return inside;

        static IEnumerable<object[]> Below(object step, JsonNode? node) =>
            node is null
                ?
                [
                    [step],
                ]
                : Paths(node).Select(path => (object[])[step, .. path]).Prepend([step]);
    }

    private static void Set(JsonNode node, object[] path, JsonNode? value)
    {
        foreach (var step in path[..^1])
        {
            node = step is int index ? node[index]! : node[(string)step]!;
        }

        if (path[^1] is int last)
        {
            node[last] = value;
        }
        else
        {
            node[(string)path[^1]] = value;
        }
    }
}
