"""Write ``tests/fixtures/office-60.xlsx``: sixty systems in the style of a real office, with the slips that real offices make.

Two sheets of rows (municipal, county) with titles, two-row headers, merged departments, a 合计 row, notes and comments, and a hidden helper
sheet. Everything is made from lists below, so that the findings a test expects can be followed to their cause.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from openpyxl import Workbook
from openpyxl.comments import Comment
from openpyxl.styles import Alignment, Font
from openpyxl.utils import get_column_letter

OUT = Path(__file__).resolve().parent.parent / "tests" / "fixtures" / "office-60.xlsx"
HEADER = [
    ("序号", ""), ("单位名称", ""), ("单位性质", ""), ("系统基本信息", "系统名称"), ("", "系统类别"), ("", "是否涉密"), ("", "建设情况"), ("", "等保定级情况"),
    ("技术情况", "技术架构"), ("", "操作系统及版本"), ("", "数据库及版本"), ("", "数据规模"), ("服务器", "数量"), ("", "CPU核数"), ("", "内存"), ("", "存储空间"),
    ("", "是否虚拟化"), ("专用设备情况", ""), ("部署机房", ""), ("网络环境", ""), ("关联业务系统", ""), ("服务对象", ""), ("服务时段", ""), ("允许中断时间", ""),
    ("承建单位", ""), ("源码/安装包", ""), ("维保情况", ""), ("联系人", "姓名"), ("", "电话"), ("投入使用时间", ""), ("备注", ""),
]  # fmt: skip
NAMES = [
    "办公自动化系统", "门户网站", "业务审批系统", "档案管理系统", "视频会议系统", "数据上报系统", "监测预警平台", "人事管理系统", "财务核算系统", "信用信息库",
]  # fmt: skip
MUNICIPAL = [
    ("市发展和改革委员会", "政府", 4), ("市教育局", "政府", 5), ("市公安局", "政府", 4), ("市财政局", "政府", 5), ("市人力资源和社会保障局", "政府", 4),
    ("市自然资源和规划局", "政府", 5), ("市卫生健康委员会", "政府", 4), ("市委宣传部", "党群", 2), ("市档案馆", "事业单位", 3), ("市气象局", "事业单位", 3),
    ("市住房公积金中心", "事业单位", 3),
]  # fmt: skip
COUNTY = [
    ("沙洋县政务服务局", "政府", 4),
    ("京山市水利局", "政府", 4),
    ("钟祥市农业农村局", "政府", 4),
    ("东宝区民政局", "政府", 3),
    ("掇刀区教育局", "政府", 3),
]


def usual(number: int, name: str) -> dict[str, Any]:
    """A row as most are: filled in, in the words of whoever filled it in."""
    pick = number % 5
    return {
        "系统名称": name, "系统类别": ["应用系统", "业务系统", "网站", "应用系统", "数据库"][4 if name.endswith("库") else pick % 4], "是否涉密": ["否", "×", "否", "N", "非涉密"][pick],
        "建设情况": ["已建", "在用", "已建成", "运行中", "已建"][pick], "等保定级情况": ["二级", "三级", "2级", "未定级", "S2A2G2"][pick],
        "技术架构": ["B/S", "B/S", "C/S", "B/S", "微服务"][pick], "操作系统及版本": ["CentOS 7.6", "Windows Server 2012", "麒麟 V10", "Red Hat 6.5", "Windows Server 2008 R2"][pick],
        "数据库及版本": ["MySQL 5.7", "SQL Server 2012", "达梦8", "Oracle 11g", "PostgreSQL 12"][pick], "数据规模": ["500G", "1.2T", "80GB", "约300G", 40][pick],
        "数量": [2, "3台", 1, 2, 4][pick], "CPU核数": ["16核", 8, "2×8核", 16, "32核"][pick], "内存": ["64GB", "32G", 16, "64G", "128GB"][pick],
        "存储空间": ["2T", "1T", "500G", "4T", "8T"][pick], "是否虚拟化": ["是", "√", "否", "虚拟机", "有"][pick], "专用设备情况": ["无", "无", "否", "有(加密机1台)", "无"][pick],
        "部署机房": ["市府大楼机房", "单位自建机房", "电信托管机房", "市府大楼机房", "单位自建机房"][pick], "网络环境": ["政务外网", "互联网", "政务外网", "专网", "电子政务外网"][pick],
        "关联业务系统": "无", "服务对象": ["内部", "公众", "内部人员", "内部和公众", "企业和群众"][pick], "服务时段": ["工作日 08:30-17:30", "7×24", "工作日", "7×24小时", "全天"][pick],
        "允许中断时间": ["4小时", "30分钟", "1天", "半小时", "不可中断"][pick], "承建单位": ["中科软件", "东软集团", "本地公司", "浪潮", "自主开发"][pick],
        "源码/安装包": ["有安装包", "有", "无", "是", "有源码"][pick], "维保情况": ["在保", "维保至2018年12月", "过保", "在保", "无维保"][pick],
        "姓名": ["张工", "李工", "王工", "赵工", "刘工"][pick], "电话": ["0724-2330001", 13800000001, "", "0724-2330002", 13900000002][pick],
        "投入使用时间": ["2015年6月", 42156, "2012-03-01", "2016.9", ""][pick], "备注": "",
    }  # fmt: skip


SLIPS: dict[int, dict[str, Any]] = {
    3: {"是否涉密": ""},  # not answered
    6: {"是否涉密": "是", "系统名称": "不应出现的系统"},  # classified, and more filled in than allowed
    8: {"系统名称": "办公自动化系统"},  # said twice by one department
    9: {"建设情况": "停用"},
    11: {"数据规模": "很大"},
    14: {"关联业务系统": "办公自动化系统"},  # several of that name
    15: {"关联业务系统": "省级平台、统一认证"},  # matches nothing
    18: {"等保定级情况": "六级"},
    20: {"网络环境": "政务外网、互联网"},  # two at once
    22: {"系统类别": ""},
    25: {"允许中断时间": "看情况"},
    27: {"数量": "2台物理机+4台虚拟机"},
    30: {"建设情况": "在建", "部署机房": "", "是否虚拟化": ""},
    33: {"CPU核数": "不详"},
    36: {"数据规模": "=SUM(100,20)"},  # a formula
    38: {"等保定级情况": "#N/A"},
    47: {"是否涉密": "待确认"},
    50: {"单位名称": "沙洋县政务服务中心局"},  # nearly another's name
    53: {"数据规模": "5O0G"},  # the letter O
}


def main() -> None:
    workbook = Workbook()
    del workbook[workbook.sheetnames[0]]
    first = _sheet(workbook, "市直单位", "荆门市市直单位信息系统迁移统计表", MUNICIPAL, 1)
    _sheet(workbook, "县市区", "荆门市县(市、区)信息系统迁移统计表", COUNTY, first)
    helper = workbook.create_sheet("_下拉选项")
    helper.append(["是", "否"])
    helper.sheet_state = "hidden"
    workbook.save(OUT)


def _sheet(workbook: Workbook, name: str, title: str, departments: list[tuple[str, str, int]], number: int) -> int:
    sheet = workbook.create_sheet(name)
    columns = [low or high for high, low in HEADER]
    sheet.append([title])
    sheet.append(["填报日期:2017年6月30日", "", "", "单位负责人(签字):"])
    header = [(high, low) for high, low in HEADER]
    header.insert(3, ("单位层级", ""))
    columns.insert(3, "单位层级")
    sheet.append([high for high, _ in header])
    sheet.append([low for _, low in header])
    _merge_header(sheet, header)
    sheet.merge_cells(start_row=1, end_row=1, start_column=1, end_column=len(header))
    sheet["A1"].font = Font(bold=True, size=16)
    sheet["A1"].alignment = Alignment(horizontal="center")
    for department, nature, systems in departments:
        top = sheet.max_row + 1
        for index in range(systems):
            row = usual(number, NAMES[1 + (number * 3 + index) % 9] if index else "办公自动化系统")
            row |= {"序号": number, "单位名称": department, "单位性质": nature, "单位层级": "市直" if name == "市直单位" else "县市区"}
            row |= SLIPS.get(number, {})
            sheet.append([row[column] for column in columns])
            if number == 11:
                sheet.cell(sheet.max_row, columns.index("数据规模") + 1).comment = Comment("请单位核实", "办公室")
            if number == 13:
                sheet.row_dimensions[sheet.max_row].hidden = True
            number += 1
        split = any(n in SLIPS and "单位名称" in SLIPS[n] for n in range(number - systems, number))
        if systems > 1 and not split:
            for column in (2, 3, 4):
                for below in range(top + 1, sheet.max_row + 1):
                    sheet.cell(below, column).value = None
                sheet.merge_cells(start_row=top, end_row=sheet.max_row, start_column=column, end_column=column)
    sheet.append(["合计", "", "", "", sum(count for _, _, count in departments)])
    sheet.append(["注:1. 涉密系统只填单位和序号;2. 数据规模请注明单位。"])
    sheet.append(["填表人:", "", "", "审核人:", "", "", "联系电话:"])
    return number


def _merge_header(sheet: Any, header: list[tuple[str, str]]) -> None:
    start = 0
    for index in range(1, len(header) + 1):
        if index < len(header) and not header[index][0]:
            continue
        letter, last = get_column_letter(start + 1), get_column_letter(index)
        if index - start > 1 or header[start][1]:
            sheet.merge_cells(f"{letter}3:{last}3") if index - start > 1 else None
        else:
            sheet.merge_cells(f"{letter}3:{letter}4")
        start = index


if __name__ == "__main__":
    main()
